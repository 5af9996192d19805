"""Networks: plain torch modules with `features` and `head`."""
