#include "service/parcel.h"

static bool more_follows(void *socket)
{
    int more = 0;
    size_t size = sizeof(more);

    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more;
}

/* Reads the rest of a message that is not wanted. */
static void skip_rest(void *socket)
{
    while (more_follows(socket)) {
        zmq_msg_t frame;
        CHECK_ZERO(zmq_msg_init(&frame));
        (void)zmq_msg_recv(&frame, socket, 0);
        (void)zmq_msg_close(&frame);
    }
}

enum parcel_result parcel_receive(struct parcel *parcel, void *socket)
{
    parcel->count = 0;
    for (;;) {
        zmq_msg_t *frame = &parcel->frames[parcel->count];
        CHECK_ZERO(zmq_msg_init(frame));
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(frame);
            parcel_close(parcel);
            return PARCEL_NONE;
        }
        parcel->count++;
        if (!more_follows(socket))
            break;
        if (parcel->count == ARRAY_COUNT(parcel->frames)) {
            skip_rest(socket);
            parcel_close(parcel);
            return PARCEL_DROPPED;
        }
    }
    if (parcel->count >= 2)
        return PARCEL_RECEIVED;
    parcel_close(parcel);
    return PARCEL_DROPPED;
}

void parcel_close(struct parcel *parcel)
{
    for (uint32_t i = 0; i < parcel->count; i++)
        (void)zmq_msg_close(&parcel->frames[i]);
    parcel->count = 0;
}

bool exchange_send(const struct exchange *exchange, void *socket)
{
    for (uint32_t i = 0; i < exchange->envelope_count; i++)
        if (zmq_send(socket, exchange->envelope[i].data,
                    exchange->envelope[i].size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
            return false;
    return zmq_send(socket, exchange->reply.data, exchange->reply.size,
                   ZMQ_DONTWAIT) >= 0;
}
