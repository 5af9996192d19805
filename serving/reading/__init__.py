"""The reading page, made with Gradio: for people what `/v1` is for programs, and nothing that a program could not do."""
