#include "base/event_id.h"

void event_id_make(struct event_id_source *source, uint64_t time_ms,
        char out[EVENT_ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t high = time_ms << 16 | (source->maker >> 32 & 0xffff);
    uint64_t low = source->maker << 32 | source->count++;
    __extension__ unsigned __int128 all = (unsigned __int128)high << 64 | low;

    for (int i = EVENT_ID_SIZE - 1; i >= 0; i--) {
        out[i] = digits[(unsigned)(all & 31)];
        all >>= 5;
    }
}
