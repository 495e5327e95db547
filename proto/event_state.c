#include "proto/event_state.h"

#include <math.h>

#define EVENT_STATE_FORMAT 3

enum {
    FLAG_DEFERRED = 1,
    FLAG_EXPIRED = 2,
    FLAG_HAS_REWARD = 4,
    FLAG_LEARNED = 8,
    FLAG_SHOWN = 16, /* about an action that the client named */
    FLAG_COSTS = 32, /* of a path, held */
    FLAG_COSTS_FULL = 64,
    FLAG_FIELDS = 128, /* fields, a cause, or both */
};

enum { SHOWN_POSITION, SHOWN_PLACE };

/* Reader and writer of what only few events have. */

static void shown_write(const struct shown *shown, struct writer *writer)
{
    write_u8(writer, shown->has_place ? SHOWN_PLACE : SHOWN_POSITION);
    write_u32(writer, shown->has_place ? shown->place : shown->position);
    write_f64(writer, shown->propensity);
}

static bool shown_read(struct shown *shown, struct reader *reader)
{
    uint8_t kind = read_u8(reader);
    uint32_t number = read_u32(reader);

    shown->propensity = read_f64(reader);
    shown->has_place = kind == SHOWN_PLACE;
    if (shown->has_place) {
        shown->place = number;
        return number < ACTIONS_MAX &&
                (shown->propensity == 0.0 ||
                        (shown->propensity >= PROBABILITY_MIN &&
                                shown->propensity <= 1.0));
    }
    shown->position = number;
    return kind == SHOWN_POSITION && number >= 1 && number <= ACTIONS_MAX &&
            shown->propensity == 0.0;
}

static void costs_write(struct bytes costs, struct writer *writer)
{
    CHECK(costs.size % 8 == 0 && costs.size <= 8 * (size_t)ACTIONS_MAX);
    write_u16(writer, (uint16_t)(costs.size / 8));
    write_bytes(writer, costs);
}

static bool costs_read(struct bytes *costs, struct reader *reader)
{
    uint16_t count = read_u16(reader);
    struct reader values;

    *costs = read_bytes(reader, 8 * (size_t)count);
    values = reader_of(*costs);
    for (uint16_t i = 0; !reader->failed && i < count; i++)
        if (!(fabs(read_f64(&values)) <= VALUE_MAX))
            return false;
    return count >= 1 && count <= ACTIONS_MAX;
}

static bool has_fields(const struct event_state *state)
{
    return state->fields.size > 0 || state->cause != CAUSE_UNKNOWN;
}

static void fields_part_write(
        const struct event_state *state, struct writer *writer)
{
    static const struct fields none;

    write_u8(writer, (uint8_t)state->cause);
    if (state->fields.size > 0)
        write_bytes(writer, state->fields);
    else
        fields_write(&none, writer);
}

static bool fields_part_read(struct event_state *state, struct reader *reader)
{
    uint8_t cause = read_u8(reader);
    struct reader start = *reader;
    size_t size;

    if (!fields_check(reader) || cause > CAUSE_LAST)
        return false;
    size = start.rest.size - reader->rest.size;
    state->cause = (enum cause)cause;
    if (size > 1)
        state->fields = read_bytes(&start, size);
    return has_fields(state);
}

void event_state_write(const struct event_state *state, struct writer *writer)
{
    uint8_t flags = (uint8_t)((state->deferred ? FLAG_DEFERRED : 0) |
            (state->expired ? FLAG_EXPIRED : 0) |
            (state->has_reward ? FLAG_HAS_REWARD : 0) |
            (state->learned ? FLAG_LEARNED : 0) |
            (shown_given(&state->shown) ? FLAG_SHOWN : 0) |
            (state->costs.size > 0 ? FLAG_COSTS : 0) |
            (state->costs.size > 0 && state->costs_full ? FLAG_COSTS_FULL : 0) |
            (has_fields(state) ? FLAG_FIELDS : 0));

    CHECK(state->mark_count <= FEEDBACKS_MAX);
    write_u8(writer, EVENT_STATE_FORMAT);
    write_u8(writer, flags);
    write_u64(writer, state->decision);
    write_u64(writer, state->last);
    write_u64(writer, state->content);
    write_i64(writer, state->deadline);
    if (state->has_reward)
        write_f64(writer, state->reward);
    if (state->learned)
        write_f64(writer, state->taught);
    if (shown_given(&state->shown))
        shown_write(&state->shown, writer);
    if (state->costs.size > 0)
        costs_write(state->costs, writer);
    if (has_fields(state))
        fields_part_write(state, writer);
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
    bool sane = true;

    state->deferred = (flags & FLAG_DEFERRED) != 0;
    state->expired = (flags & FLAG_EXPIRED) != 0;
    state->has_reward = (flags & FLAG_HAS_REWARD) != 0;
    state->learned = (flags & FLAG_LEARNED) != 0;
    state->decision = read_u64(reader);
    state->last = read_u64(reader);
    state->content = read_u64(reader);
    state->deadline = read_i64(reader);
    state->reward = state->has_reward ? read_f64(reader) : 0.0;
    state->taught = state->learned ? read_f64(reader) : 0.0;
    memset(&state->shown, 0, sizeof(state->shown));
    if ((flags & FLAG_SHOWN) != 0)
        sane = shown_read(&state->shown, reader);
    state->costs = bytes_of(NULL, 0);
    if ((flags & FLAG_COSTS) != 0)
        sane = costs_read(&state->costs, reader) && sane;
    state->costs_full = (flags & FLAG_COSTS_FULL) != 0;
    sane = sane && (state->costs.size > 0 || !state->costs_full);
    state->fields = bytes_of(NULL, 0);
    state->cause = CAUSE_UNKNOWN;
    if ((flags & FLAG_FIELDS) != 0)
        sane = fields_part_read(state, reader) && sane;
    state->mark_count = read_u16(reader);
    if (reader->failed || format != EVENT_STATE_FORMAT ||
            state->mark_count > FEEDBACKS_MAX || !isfinite(state->reward) ||
            !isfinite(state->taught) || !sane)
        return err_set(err, STATUS_CORRUPT, "event state is damaged");
    for (uint32_t i = 0; i < state->mark_count; i++) {
        state->marks[i].id = read_u64(reader);
        state->marks[i].content = read_u64(reader);
    }
    if (!reader_done(reader))
        return err_set(err, STATUS_CORRUPT, "event state has a wrong length");
    return 0;
}
