#!/usr/bin/python3
"""One decision and its feedback, from Python: ZeroMQ and protobuf are all that
it takes (Debian: python3-zmq, python3-protobuf).

    rued --config demo.yaml --data /tmp/rue-demo &
    protoc --python_out=. -I ../proto ../proto/rue.proto
    ./decide.py [ENDPOINT]
"""
import sys
import uuid

import rue_pb2 as rue  # made by protoc
import zmq

TRIES = 24
WAIT_MS = 250


class Refused(Exception):
    """The service answered, and the answer is no."""


class Client:
    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvtimeo = WAIT_MS
        self.socket.connect(endpoint)
        self.last_id = 0

    def ask(self, request):
        """Sends the same bytes until there is an answer: ids of events and
        feedbacks make repeating harmless."""
        self.last_id += 1
        request.id = self.last_id
        for _ in range(TRIES):
            self.socket.send(request.SerializeToString())
            try:
                reply = self.receive()
            except zmq.Again:
                continue
            check(reply)
            return reply
        raise TimeoutError("no answer from the service")

    def receive(self):
        while True:
            reply = rue.Reply.FromString(self.socket.recv())
            if reply.id == self.last_id:  # else: a late one, asked for twice
                return reply


def check(reply):
    """The request has a status, and so has each of its items."""
    for part in (reply, *reply.decision, *reply.feedback):
        if part.status != rue.OK:
            raise Refused(f"{rue.Status.Name(part.status)}: {part.message}")


def decide(client, event):
    """Which action, given what is known now?"""
    request = rue.Request(problem=b"demo")
    item = request.decide.add(event=event, action=[b"left", b"right"])
    item.shared.columns = 2  # the problem's x and y
    item.shared.f64.extend([0.3, 0.7])
    item.named.add(name=b"country", text=b"PT")
    item.named.add(name=b"visits", value=3)
    return client.ask(request).decision[0]


def report(client, event, reward):
    """Later: what came of it. An event may have several feedbacks; this one is
    its `sale`, so that reporting it again changes nothing."""
    request = rue.Request(problem=b"demo")
    request.feedback.add(event=event, value=reward, id=b"sale")
    client.ask(request)


def main():
    endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5750"
    event = uuid.uuid4().hex.encode()
    try:
        client = Client(endpoint)
        answer = decide(client, event)
        print(
            f"event {event.decode()}: take {answer.action[0].decode()} "
            f"(probability {answer.probability[0]:.3f}, "
            f"{answer.policy.decode()})"
        )
        report(client, event, 1.0)
        print("reward 1 reported")
    except (Refused, TimeoutError, zmq.ZMQError) as error:
        sys.exit(f"decide: {error}")


if __name__ == "__main__":
    main()
