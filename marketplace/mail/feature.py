"""What this package adds to the product."""

from typing import Final

from marketplace.mail.routes import ROUTES
from marketplace.mail.rules import LETTERS
from marketplace.mail.service import JOB, send_mail, tell_members
from marketplace.platform.feature import Consumer, Feature, Job
from marketplace.platform.mail import Mailer, mailer_of

FEATURE: Final = Feature(
    name="mail",
    routes=ROUTES,
    jobs=(Job(JOB, send_mail),),
    consumers=(Consumer("mail", frozenset(LETTERS), tell_members),),
    provides={Mailer: lambda platform: mailer_of(platform.settings)},
)
