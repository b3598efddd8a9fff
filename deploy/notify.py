"""Make Prefect send a message when a run of mangagan fails.

python notify.py https://example.org/hook    # POST {"text": "…"}, as Slack, Mattermost and Google Chat expect it

Run this once, with the PREFECT_API_URL of the server. Run it again to change the address.
"""

import argparse
import contextlib

from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture

NAME = "mangagan-failure"
MESSAGE = "{{ flow_run.name }}: {{ flow_run.state.message }}"


def main(url: str) -> None:
    """Create or replace the notification block and the automation."""
    block = CustomWebhookNotificationBlock(
        name=NAME, url=url, method="POST", json_data={"text": "{{subject}}: {{body}}"}
    )
    block_id = block.save(NAME, overwrite=True)
    automation = Automation(
        name=NAME,
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.name": "mangagan", "prefect.resource.role": "flow"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[SendNotification(block_document_id=block_id, subject="mangagan failed", body=MESSAGE)],
    )
    with contextlib.suppress(ValueError):  # there is none yet
        Automation.read(name=NAME).delete()
    automation.create()
    print("a failed run is reported")  # the address is a secret


def parse_url() -> str:
    """Return the address in the arguments of the process."""
    summary, _, description = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", metavar="URL", help="address of the incoming webhook")
    return str(parser.parse_args().url)


if __name__ == "__main__":
    main(parse_url())
