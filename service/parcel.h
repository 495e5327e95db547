/* A message as it came from the socket: envelope frames and a body. REQ sends
 * [id, "", body], DEALER [id, body]; proxies put more ids in front. All frames
 * but the last are the envelope, and go in front of the reply unchanged. */
#ifndef SERVICE_PARCEL_H
#define SERVICE_PARCEL_H

#include "service/batch.h"

#include <zmq.h>

struct parcel {
    zmq_msg_t frames[ENVELOPE_FRAMES_MAX + 1];
    uint32_t count;
};

enum parcel_result {
    PARCEL_NONE, /* nothing waits on the socket */
    PARCEL_RECEIVED,
    PARCEL_DROPPED, /* a message of too many or too few frames: gone */
};

/* Receives one message without waiting. */
enum parcel_result parcel_receive(struct parcel *parcel, void *socket);
void parcel_close(struct parcel *parcel);

static inline struct bytes parcel_frame(struct parcel *parcel, uint32_t index)
{
    return bytes_of(zmq_msg_data(&parcel->frames[index]),
            zmq_msg_size(&parcel->frames[index]));
}

static inline struct bytes parcel_body(struct parcel *parcel)
{
    return parcel_frame(parcel, parcel->count - 1);
}

/* Sends an exchange's reply behind its envelope, without waiting. False if
 * the client is gone or does not read. */
bool exchange_send(const struct exchange *exchange, void *socket);

#endif
