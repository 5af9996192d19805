"""Who may approve, and what an approval sets off."""

from __future__ import annotations

from radloop.use_case.section import Section


class Review(Section):
    """The reviewers' part of the loop."""

    four_eyes: bool = True
    """The author of a run cannot approve it; only synthetic use cases may switch this off."""
    deploy_on_approval: bool = False
    """Under `radloop up`, an approval starts the flow `deploy`; otherwise it waits for `radloop deploy`."""
