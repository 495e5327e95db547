#include "service/diag.h"

#include "base/check.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DIAG_LINE_SIZE 1024
#define DIAG_IDS       64

/* How often an id was used in the second that is running. Ids are string
 * literals; one that finds no free row is not limited. */
struct rate {
    const char *id;
    time_t second;
    unsigned written;
    unsigned suppressed;
};

static struct {
    pthread_mutex_t lock;
    struct rate rates[DIAG_IDS];
    atomic_int level;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = DIAG_INFO};

void diag_set_level(enum diag_level level)
{
    atomic_store(&state.level, (int)level);
}

static struct rate *rate_of(const char *id)
{
    for (size_t i = 0; i < DIAG_IDS; i++) {
        if (state.rates[i].id == NULL)
            state.rates[i].id = id;
        if (strcmp(state.rates[i].id, id) == 0)
            return &state.rates[i];
    }
    return NULL;
}

/* May a line of this id be written now? `suppressed` gets the number of lines
 * left out since the last one. */
static bool admitted(const char *id, time_t now, unsigned *suppressed)
{
    struct rate *rate = rate_of(id);

    *suppressed = 0;
    if (rate == NULL)
        return true;
    if (rate->second != now) {
        rate->second = now;
        rate->written = 0;
    }
    if (rate->written >= DIAG_BURST) {
        rate->suppressed++;
        return false;
    }
    rate->written++;
    *suppressed = rate->suppressed;
    rate->suppressed = 0;
    return true;
}

static size_t line_head(char *line, enum diag_level level, const char *id,
        const struct timespec *now, unsigned suppressed)
{
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    struct tm utc;
    size_t used;
    int more;

    (void)gmtime_r(&now->tv_sec, &utc);
    used = strftime(line, DIAG_LINE_SIZE, "time=%Y-%m-%dT%H:%M:%S", &utc);
    more = snprintf(line + used, DIAG_LINE_SIZE - used,
            ".%03ldZ level=%s id=%s ", now->tv_nsec / 1000000, levels[level],
            id);
    used += more > 0 ? (size_t)more : 0;
    if (suppressed > 0) {
        more = snprintf(line + used, DIAG_LINE_SIZE - used, "suppressed=%u ",
                suppressed);
        used += more > 0 ? (size_t)more : 0;
    }
    return used;
}

void diag(enum diag_level level, const char *id, const char *format, ...)
{
    char line[DIAG_LINE_SIZE];
    unsigned suppressed;
    struct timespec now;
    va_list args;
    size_t used;
    int more;

    if ((int)level < atomic_load(&state.level))
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)pthread_mutex_lock(&state.lock);
    if (admitted(id, now.tv_sec, &suppressed)) {
        used = line_head(line, level, id, &now, suppressed);
        va_start(args, format);
        more = vsnprintf(line + used, sizeof(line) - used, format, args);
        va_end(args);
        used += more > 0 ? (size_t)more : 0;
        if (used > sizeof(line) - 2)
            used = sizeof(line) - 2;
        line[used] = '\n';
        (void)fwrite(line, 1, used + 1, stderr);
    }
    (void)pthread_mutex_unlock(&state.lock);
}
