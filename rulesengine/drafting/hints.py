"""What providers usually call things: names of fields by what they hold, and what the name of an event means. Data.

Names are compared by their words in lower case, however they are written: `sg_message_id`, `sgMessageId` and
`SG-Message-Id` are `sg message id`. A weight says how surely a name means the thing, 1 being about certain; in the
tables `a.b` is the field b of an object a, and `^b` one that stands in no object.

Limits: English only; of the readings of an event those are missing on purpose that providers use in several senses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case."""
    return tuple(word.lower() for word in _WORD.findall(name))


def _weights(**names: str) -> dict[str, float]:
    """Weights by name without spaces; a keyword `w90` holds the names of weight 0.9."""
    return {name.replace("_", ""): int(weight[1:]) / 100 for weight, listed in names.items() for name in listed.split()}


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# -- names of fields, their words joined -------------------------------------------------------------------------------

EVENT = _weights(
    w100="event event_type event_name record_type message_status notification_type opt_out_type",
    w80="event_kind kind metric activity sms_status status.group_name delivery_status type",
    w70="status status_name topic state action event_action",
    w40="category name reason object_type sub_type field",
)
EMAIL = _weights(
    w100="email recipient rcpt_to email_address recipient_email to_email rcpt email_to user_email subscriber_email",
    w90="to raw_rcpt_to delivery_address target_address contact_email final_recipient bounced_recipients",
    w80="mail address destination recipients email_id username",
    w60="contact original_recipient subscriber profile user",
)
PHONE = _weights(
    w100="phone phone_number msisdn recipient recipient_phone mobile mobile_number to_number recipient_id wa_id",
    w90="to destination number dest destination_number recipients identity subscriber_phone phone_no",
    w60="contact subscriber user contact_id",
)
PUSH_TOKEN = _weights(
    w100="push_token device_token registration_id registration_token expo_push_token fcm_token subscription_token",
    w70="token device_id channel_id push_address device.channel device.ios_channel device.android_channel",
)
PERSON = _weights(
    w100="external_user_id external_id customer_id named_user_id user_id contact_id profile_id subscriber_id",
    w60="distinct_id player_id identity member_id chat_id",
)
TIME = _weights(
    w100="event_time event_timestamp occurred_at ts_epoch ts_event event_at occurred done_at fired_at happened_at",
    w90="timestamp ts time datetime date_time event_date",
    w80="date created_at status_at message_timestamp status_datetime",
    w70="received_at changed_at created processed_at updated_at when at operator_status_at",
    w30="sent_at sent_date sent_time send_time sendtime queued_at accepted_at",
)
MESSAGE_ID = _weights(
    w100="message_id msg_id sg_message_id message_uuid message_sid mail_id message.id email_id msg.id sms_id",
    w80="transmission_id email.message.id email.id sms_sid smtp_id delivery_id sms.id message_hash dispatch_id",
    w60="batch_id job_id correlation_id msgid_header message_guid",
    w50="payload.id",
    w40="^id ^uuid ^guid data.id",
)
EVENT_ID = _weights(
    w100="event_id sg_event_id webhook_event_id event.id event_uuid event_guid",
    w60="data.id",
    w50="^id ^uuid event_data.id payload.id notification_id",
)
TAGS = _weights(w100="tags tag", w80="category categories labels", w60="custom_id callback_data client_ref")
CAMPAIGN_ID = _weights(
    w100="campaign_id campaign.id marketing_campaign_id singlesend_id mj_campaign_id broadcast_id newsletter_id",
)
URL = _weights(w100="url link click_url target_url original_link link_url click.link href target_link_url")
REASON = _weights(
    w100="reason bounce_reason diagnostic_code error_message failure_reason smtp_response diag failure_message",
    w80="description message response error details diagnostic error_text error_description raw_reason status_reason",
    w60="error_code code err_code smtp_code reply response_code",
)
LIST_ID = _weights(
    w100="list_id list.id asm_group_id group_id unsubscribe_group_id mailing_list_id",
    w60="list topic stream message_stream",
)
LIST_ENDINGS = ("listid", "groupid")
CLASS = _weights(
    w100="bounce_type bounce_class bounce_classification bounce_category severity type class classification",
    w80="category sub_type bounce_sub_type reason code error_code status_code status bounce.type",
)
PERSON_NAME = _set(
    "name firstname lastname fullname fname lname surname givenname familyname displayname contactname username "
    "recipientname toname"
)

# A field whose path has one of these words is about the sender, or about something else than the event.
OF_THE_SENDER = _set(
    "from sender reply return originator cc bcc owner account admin postmaster support signature friendly"
)
TIMELY = _set("time timestamp ts date at on epoch when datetime created occurred utc")
NOT_THE_EVENTS = _set("sent send sendtime queued expires expiry expiration scheduled birth birthday")

# -- names of events --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """What the name of an event means: a metric to emit, or a reason to ignore it, or a question to the author."""

    metric: str | None = None
    ignore: str | None = None
    question: str | None = None


# Words that say what kind of message the event is about, or that it is an event.
_NOISE = _set(
    "email mail message messages msg sms mms rcs push notification activity contact recipient track event webhook "
    "transactional campaign marketing whatsapp has been was is status"
)
_EMITTED = {
    "delivery": "delivered|delivery|deliver|delivery success|delivery succeeded|delivery confirmed",
    "open": "open|opened|opens|read|seen",
    "click": "click|clicked|clicks|link click|link clicked|click tracked|links clicked",
    "hard_bounce": "hard bounce|hard bounced|bounce hard|hardbounce|hard bounces|bounced hard|permanent bounce",
    "soft_bounce": "soft bounce|soft bounced|bounce soft|softbounce|soft bounces|bounced soft",
    "spam_report": "spam|spam report|spamreport|spam reported|spam complaint|complaint|complained|complain|complaints"
    "|abuse|abuse report|marked as spam|reported spam",
    "opt-out": "unsubscribe|unsubscribed|unsub|unsubscribes|opt out|optout|opted out|stop",
    "list_unsubscribe": "list unsubscribe|group unsubscribe|list unsubscribed|group unsubscribed|unsubscribe from list",
    "invalid_token": "invalid token|unregistered|device not registered|bad device token|not registered",
}
_SENT = (
    "sent|send|sending|processed|accepted|queued|request|requests|injection|submitted|scheduled|enroute|en route"
    "|pending|buffered|created|dispatched|submit|generated|received by provider"
)
_IGNORED = {
    "on its way; Optimizely makes the sent events itself": _SENT,
    "tried again later, the outcome will come": "deferred|deferral|delay|delayed|delivery delay|delivery delayed"
    "|retry|retrying|temporary failure|temporary fail|temp fail|defered",
    "subscribed again, which must never become an opt-out": "resubscribe|resubscribed|group resubscribe|subscribe"
    "|subscribed|list subscribe|start|opt in|optin|opted in|unstop",
    "opened by a machine, not by a person": "proxy open|unique proxy open|machine open|machine opened|proxy opened",
}
_ASKED = {
    "hard_bounce or soft_bounce, and by which field? ignore it where the provider tries again": "bounce|bounced|bounces"
    "|failed|failure|fail|undelivered|undeliverable|delivery failed|delivery failure|not delivered|dropped|drop|reject"
    "|rejected|blocked|block|expired|invalid|error|out of band|permanent fail|permanent failure|suppressed|held",
    "is it a second report of what another event says? then ignore it": "unique opened|unique open|initial open"
    "|first open|first opening|human opened|human open|opened unique|unique click|unique clicked|first click"
    "|clicked unique",
}
UNKNOWN = Reading(question="decide what becomes of this event")


def _readings() -> Mapping[str, Reading]:
    made = {name: Reading(metric=metric) for metric, names in _EMITTED.items() for name in names.split("|")}
    made |= {name: Reading(ignore=reason) for reason, names in _IGNORED.items() for name in names.split("|")}
    return made | {name: Reading(question=asked) for asked, names in _ASKED.items() for name in names.split("|")}


_READINGS = _readings()
_SENT_NAMES = frozenset(_SENT.split("|"))


def reading_of(event: str) -> Reading | None:
    """What the name of an event means, where the table knows it: `email.delivered`, `MessageBounced`, `soft-bounce`."""
    every = words(event)
    return _READINGS.get(" ".join(every)) or _READINGS.get(" ".join(_plain(every)))


def is_sent_like(event: str) -> bool:
    """Whether the name may as well mean that the receiving side has accepted the message."""
    return " ".join(_plain(words(event))) in _SENT_NAMES


def _plain(every: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in every if word not in _NOISE)


# What a class of bounces means in a provider's own words; `ignore` where it may still be tried again.
_CLASSES = {
    "hard": "hard_bounce",
    "hard bounce": "hard_bounce",
    "permanent": "hard_bounce",
    "soft": "soft_bounce",
    "soft bounce": "soft_bounce",
    "transient": "ignore",
    "temporary": "ignore",
    "temp": "ignore",
}


def class_of(value: str) -> str | None:
    """The metric, or `ignore`, that a class of bounces stands for; None where its name does not say."""
    return _CLASSES.get(" ".join(words(value)))
