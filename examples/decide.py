#!/usr/bin/python3
"""One decision and its feedback, from Python, with Debian's python3-zmq and
python3-protobuf:

    protoc --python_out=. -I proto proto/rue.proto
    python3 decide.py ENDPOINT [DIRECTORY OF rue_pb2.py]
"""
import sys
import uuid

import zmq

sys.path.insert(0, sys.argv[2] if len(sys.argv) > 2 else ".")
import rue_pb2 as rue  # noqa: E402  (made by protoc)

TRIES = 8


class Client:
    """Asks again, under the same ids, until the service answers."""

    def __init__(self, endpoint, wait_ms=250):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, wait_ms)
        self.socket.connect(endpoint)
        self.last = 0

    def ask(self, request):
        self.last += 1
        request.id = self.last
        for _ in range(TRIES):
            self.socket.send(request.SerializeToString())
            try:
                while True:
                    reply = rue.Reply.FromString(self.socket.recv())
                    if reply.id == request.id:
                        return reply
            except zmq.Again:
                pass  # the same bytes once more: repeating is harmless
        raise TimeoutError("no answer from the service")

    def close(self):
        self.socket.close()
        self.context.term()


def main():
    client = Client(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5750")
    request = rue.Request(problem=b"demo")
    decide = request.decide.add(event=uuid.uuid4().hex.encode())
    decide.shared.columns = 2
    decide.shared.f64.extend([0.3, 0.7])
    reply = client.ask(request)
    if reply.status != rue.OK or reply.decision[0].status != rue.OK:
        sys.exit(f"decide: {reply}")
    decision = reply.decision[0]
    print(
        f"event {decision.event.decode()}: take {decision.action[0].decode()} "
        f"(probability {decision.probability[0]:.3f}, "
        f"{decision.policy.decode()})"
    )

    # Later, when the application knows what came of it:
    request = rue.Request(problem=b"demo")
    request.feedback.add(event=decision.event, value=1.0, id=b"first")
    reply = client.ask(request)
    if reply.status != rue.OK or reply.feedback[0].status != rue.OK:
        sys.exit(f"feedback: {reply}")
    print("reward 1 reported")
    client.close()


if __name__ == "__main__":
    main()
