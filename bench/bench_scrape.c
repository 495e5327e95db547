/* What being looked at costs: four services with PROBLEMS (1,000) problems of
 * two groups, all of them at work, and the same load on each turn by turn: on
 * one that is left alone, on two with a scraper of /metrics, every 15 s and
 * every second, and on one that has no HTTP at all. So a noisy machine is noisy
 * for all, and the stores, one each, grow alike.
 * Ratios to the turn alone, of messages a second and of the service's processor
 * time a message (which others on the machine disturb less), their median and
 * their quartiles; how long the scrapes took while the service was busy, and
 * when it was not; and what a scrape costs in processor time of the service's.
 * The scraper runs on this machine too: its share of the processors is in the
 * ratios of messages a second.
 *
 * TURNS=N (default 8), SECONDS=N of a turn (16), PROBLEMS=N in the
 * environment. */
#include "base/err.h"
#include "bench/turns.h"
#include "tests/lib/load.h"
#include "tests/lib/service.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRAPES_MAX 4096u

static uint32_t problems;

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* ---- the scraper ---- */

struct scraper {
    uint16_t port;
    double every; /* seconds */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    uint32_t count;
    double ms[SCRAPES_MAX];
    size_t bytes; /* of the last answer */
};

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
            .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
            connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up("no connection to /metrics");
    return fd;
}

/* One scrape; the bytes of its answer. */
static size_t scrape(uint16_t port)
{
    static const char ask[] = "GET /metrics HTTP/1.0\r\nHost: bench\r\n\r\n";
    static char answer[1 << 16];
    int fd = connect_to(port);
    size_t bytes = 0;
    ssize_t got;

    if (write(fd, ask, sizeof(ask) - 1) != (ssize_t)sizeof(ask) - 1)
        give_up("/metrics is not asked");
    while ((got = read(fd, answer, sizeof(answer))) > 0) {
        if (bytes == 0 && strncmp(answer, "HTTP/1.", 7) != 0)
            give_up("/metrics does not answer");
        bytes += (size_t)got;
    }
    (void)close(fd);
    if (got < 0 || bytes < 1000)
        give_up("/metrics is cut short");
    return bytes;
}

static void scrape_timed(struct scraper *scraper)
{
    double start = turns_now_s();

    scraper->bytes = scrape(scraper->port);
    if (scraper->count < SCRAPES_MAX)
        scraper->ms[scraper->count++] = 1e3 * (turns_now_s() - start);
}

static bool wait_for_stop(struct scraper *scraper)
{
    struct timespec until;
    double at;
    bool stopping;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    at = (double)until.tv_sec + (double)until.tv_nsec / 1e9 + scraper->every;
    until.tv_sec = (time_t)at;
    until.tv_nsec = (long)((at - (double)until.tv_sec) * 1e9);
    (void)pthread_mutex_lock(&scraper->lock);
    while (!scraper->stopping &&
            pthread_cond_timedwait(&scraper->wake, &scraper->lock, &until) == 0)
        continue;
    stopping = scraper->stopping;
    (void)pthread_mutex_unlock(&scraper->lock);
    return stopping;
}

static void *scraper_main(void *argument)
{
    struct scraper *scraper = argument;

    do
        scrape_timed(scraper);
    while (!wait_for_stop(scraper));
    return NULL;
}

static void scraper_start(struct scraper *scraper, double every)
{
    scraper->every = every;
    scraper->stopping = false;
    if (pthread_create(&scraper->thread, NULL, scraper_main, scraper) != 0)
        give_up("no thread");
}

static void scraper_stop(struct scraper *scraper)
{
    (void)pthread_mutex_lock(&scraper->lock);
    scraper->stopping = true;
    (void)pthread_cond_signal(&scraper->wake);
    (void)pthread_mutex_unlock(&scraper->lock);
    (void)pthread_join(scraper->thread, NULL);
}

/* ---- the services ---- */

static char *configuration(bool http)
{
    size_t size = (size_t)problems * 512 + 1024;
    char *text = malloc(size);
    int used;

    if (text == NULL)
        give_up("no memory");
    used = snprintf(text, size, "http: {listen: \"%s\", label_sets: %u}\n%s",
            http ? "127.0.0.1:0" : "", problems, "problems:\n");
    for (uint32_t i = 0; i < problems; i++)
        used += snprintf(text + used, size - (size_t)used,
                "  - name: bench-%u\n"
                "    context: [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9]\n"
                "    action_features: 20\n"
                "    reward: {min: 0, max: 1, wait: 10m}\n"
                "    policy: {oracle: ridge, explorer: squarecb}\n"
                "    groups:\n"
                "      - {name: low, when: s0 < 0.5}\n"
                "      - {name: high, when: s0 >= 0.5}\n",
                i);
    return text;
}

static void open_service(struct service *service, bool http)
{
    char *text = configuration(http);

    service_make(service, text);
    free(text);
    service_start(service);
}

static uint16_t http_port_of(const struct service *service)
{
    char line[1024];
    unsigned port = 0;
    FILE *file = fopen(service->diag, "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *said = strstr(line, "id=http.listening port=");
        if (said != NULL)
            (void)sscanf(said, "id=http.listening port=%u", &port);
    }
    if (file != NULL)
        (void)fclose(file);
    if (port == 0)
        give_up("the service does not say where it listens");
    return (uint16_t)port;
}

/* Processor seconds that a service has used. */
static double cpu_of(const struct service *service)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    const char *rest = NULL;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)service->pid);
    file = fopen(path, "r");
    if (file != NULL && fgets(line, sizeof(line), file) != NULL)
        rest = strrchr(line, ')');
    if (rest == NULL ||
            sscanf(rest + 2,
                    "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                    &user, &system) != 2)
        give_up("/proc");
    (void)fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- turns ---- */

struct turn {
    double rate; /* messages a second */
    double cpu; /* of the service's processor time a message, microseconds */
};

static struct turn run(const struct service *service, uint64_t messages)
{
    static uint64_t seed;
    struct load_settings settings = {service->endpoint, "bench", 4, 64, 1,
            messages, 0, ++seed, problems};
    struct load_result result;
    double cpu = cpu_of(service);

    load_run(&settings, &result);
    if (result.failed > 0)
        give_up("some replies were not OK");
    return (struct turn){result.messages_per_s,
            (cpu_of(service) - cpu) / (double)messages * 1e6};
}

/* The ways of a turn; the first is what the others are compared with. */
static const struct way {
    const char *name;
    double every; /* seconds from scrape to scrape; 0: none */
    bool http;
} ways[] = {
        {"none", 0.0, true},
        {"15s", 15.0, true},
        {"1s", 1.0, true},
        {"no_http", 0.0, false},
};
#define WAYS ARRAY_COUNT(ways)

static struct turn run_way(const struct way *way, const struct service *service,
        struct scraper *scraper, uint64_t messages)
{
    struct turn turn;

    if (way->every > 0.0) {
        scraper->port = http_port_of(service);
        scraper_start(scraper, way->every);
    }
    turn = run(service, messages);
    if (way->every > 0.0)
        scraper_stop(scraper);
    return turn;
}

static void print_ratios(
        const char *way, const char *what, double *ratios, uint32_t turns)
{
    printf("scrape_%s_%s %.4f ratio\n", way, what, turns_median(ratios, turns));
    printf("scrape_%s_%s_quartiles %.4f-%.4f ratio\n", way, what,
            ratios[turns / 4], ratios[turns - 1 - turns / 4]);
}

static void print_ways(struct turn turns[][WAYS], uint32_t count)
{
    double rates[TURNS_MAX], cpus[TURNS_MAX];

    for (uint32_t i = 0; i < count; i++) {
        rates[i] = turns[i][0].rate;
        cpus[i] = turns[i][0].cpu;
    }
    printf("scrape_none_rate %.0f /s\n", turns_median(rates, count));
    printf("scrape_none_cpu %.2f us\n", turns_median(cpus, count));
    for (size_t way = 1; way < WAYS; way++) {
        for (uint32_t i = 0; i < count; i++) {
            rates[i] = turns[i][way].rate / turns[i][0].rate;
            cpus[i] = turns[i][way].cpu / turns[i][0].cpu;
        }
        print_ratios(ways[way].name, "rate", rates, count);
        print_ratios(ways[way].name, "cpu", cpus, count);
    }
}

static void print_scrapes(const char *name, struct scraper *scraper)
{
    if (scraper->count == 0)
        give_up("nothing was scraped");
    printf("%s %.1f ms\n", name, turns_median(scraper->ms, scraper->count));
    printf("%s_most %.1f ms\n", name, scraper->ms[scraper->count - 1]);
}

/* What one costs where nothing else happens. */
static void measure_idle(const struct service *service, struct scraper *scraper)
{
    double cpu = cpu_of(service);

    scraper->port = http_port_of(service);
    scraper->count = 0;
    for (int i = 0; i < 100; i++)
        scrape_timed(scraper);
    print_scrapes("scrape_idle", scraper);
    printf("scrape_bytes %zu bytes\n", scraper->bytes);
    printf("scrape_cpu %.1f ms\n", (cpu_of(service) - cpu) / 100 * 1e3);
}

/* Each turn begins with another way, so that none is always after another. */
static void measure(const struct service services[WAYS],
        struct scraper *scraper, uint32_t count)
{
    double seconds = (double)turns_number("SECONDS", 16);
    struct turn turns[TURNS_MAX][WAYS];
    uint64_t messages = 0;

    /* Every problem has something to tell; the last is the one left alone. */
    for (size_t way = WAYS; way-- > 0;)
        messages = (uint64_t)(run(&services[way], 20000).rate * seconds);
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < WAYS; k++) {
            size_t way = (i + k) % WAYS;
            turns[i][way] =
                    run_way(&ways[way], &services[way], scraper, messages);
        }
    print_ways(turns, count);
    print_scrapes("scrape_busy", scraper);
}

int main(void)
{
    static struct scraper scraper = {
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .wake = PTHREAD_COND_INITIALIZER,
    };
    uint32_t turns = (uint32_t)turns_number("TURNS", 8);
    struct service services[WAYS];

    setvbuf(stdout, NULL, _IOLBF, 0);
    problems = (uint32_t)turns_number("PROBLEMS", 1000);
    if (turns < 1 || turns > TURNS_MAX || problems < 1)
        give_up("TURNS or PROBLEMS");
    for (size_t way = 0; way < WAYS; way++)
        open_service(&services[way], ways[way].http);
    measure(services, &scraper, turns);
    measure_idle(&services[0], &scraper);
    for (size_t way = 0; way < WAYS; way++) {
        (void)service_stop(&services[way]);
        service_remove(&services[way]);
    }
    return 0;
}
