#include "proto/event_state.h"

#include <math.h>

#define EVENT_STATE_FORMAT 2

enum {
    FLAG_DEFERRED = 1,
    FLAG_EXPIRED = 2,
    FLAG_HAS_REWARD = 4,
    FLAG_LEARNED = 8,
    FLAG_ALL = 15,
};

void event_state_write(const struct event_state *state, struct writer *writer)
{
    uint8_t flags = (uint8_t)((state->deferred ? FLAG_DEFERRED : 0) |
            (state->expired ? FLAG_EXPIRED : 0) |
            (state->has_reward ? FLAG_HAS_REWARD : 0) |
            (state->learned ? FLAG_LEARNED : 0));

    CHECK(state->mark_count <= FEEDBACKS_MAX);
    write_u8(writer, EVENT_STATE_FORMAT);
    write_u8(writer, flags);
    write_u64(writer, state->decision);
    write_u64(writer, state->touched);
    write_u64(writer, state->content);
    write_i64(writer, state->deadline);
    if (state->has_reward)
        write_f64(writer, state->reward);
    if (state->learned)
        write_f64(writer, state->taught);
    write_u16(writer, (uint16_t)state->mark_count);
    for (uint32_t i = 0; i < state->mark_count; i++) {
        write_u64(writer, state->marks[i].id);
        write_u64(writer, state->marks[i].content);
    }
}

int event_state_read(
        struct event_state *state, struct reader *reader, struct err *err)
{
    uint8_t format = read_u8(reader);
    uint8_t flags = read_u8(reader);

    state->deferred = (flags & FLAG_DEFERRED) != 0;
    state->expired = (flags & FLAG_EXPIRED) != 0;
    state->has_reward = (flags & FLAG_HAS_REWARD) != 0;
    state->learned = (flags & FLAG_LEARNED) != 0;
    state->decision = read_u64(reader);
    state->touched = read_u64(reader);
    state->content = read_u64(reader);
    state->deadline = read_i64(reader);
    state->reward = state->has_reward ? read_f64(reader) : 0.0;
    state->taught = state->learned ? read_f64(reader) : 0.0;
    state->mark_count = read_u16(reader);
    if (reader->failed || format != EVENT_STATE_FORMAT ||
            (flags & ~FLAG_ALL) != 0 || state->mark_count > FEEDBACKS_MAX ||
            !isfinite(state->reward) || !isfinite(state->taught))
        return err_set(err, STATUS_CORRUPT, "event state is damaged");
    for (uint32_t i = 0; i < state->mark_count; i++) {
        state->marks[i].id = read_u64(reader);
        state->marks[i].content = read_u64(reader);
    }
    if (!reader_done(reader))
        return err_set(err, STATUS_CORRUPT, "event state has a wrong length");
    return 0;
}
