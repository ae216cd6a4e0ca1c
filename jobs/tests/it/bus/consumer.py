"""Reads messages with stock libraries: pika and the CloudEvents SDK.

consumer.py URL QUEUE COUNT prints one JSON object per message, in order.
"""

import json
import sys
from datetime import datetime

import pika
from cloudevents.core.bindings.amqp import AMQPMessage, from_amqp
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent


def show(value):
    return value.isoformat() if isinstance(value, datetime) else value


def main(url, queue, count):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for method, properties, body in channel.consume(queue, inactivity_timeout=20):
        if method is None:
            sys.exit(f"no message within 20 s, {count} are missing")
        message = AMQPMessage(
            properties={"content-type": properties.content_type},
            application_properties=properties.headers or {},
            application_data=body,
        )
        event = from_amqp(message, JSONFormat(), CloudEvent)
        attributes = {name: show(value) for name, value in event.get_attributes().items()}
        print(json.dumps({"mode": properties.content_type, "attributes": attributes, "data": event.get_data()}))
        channel.basic_ack(method.delivery_tag)
        count -= 1
        if count == 0:
            break
    connection.close()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
