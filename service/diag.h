/* Diagnostics: one key=value line each on stderr, with a stable id that does
 * not change when the words do:
 *
 *   time=2026-11-24T10:00:00.123Z level=info id=service.ready listen=...
 *
 * Rate limited: of one id at most DIAG_BURST lines a second are written, the
 * rest are counted and the count is written with the next one. May be called
 * from every thread. ("Log" is the record log; this is not it.) */
#ifndef SERVICE_DIAG_H
#define SERVICE_DIAG_H

enum diag_level {
    DIAG_DEBUG,
    DIAG_INFO,
    DIAG_WARNING,
    DIAG_ERROR,
    DIAG_SILENT
};

#define DIAG_BURST 10

/* Lines below this level are not written; DIAG_SILENT: none at all. */
void diag_set_level(enum diag_level level);

/* `format` makes the rest of the line: "key=%s other=%u". Values that may
 * hold spaces are to be written in quotes. */
void diag(enum diag_level level, const char *id, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
