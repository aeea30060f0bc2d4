/*
 * checkup.c - see checkup.h.
 */
#include "checkup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096
#define MIB            ((uint64_t)1024 * 1024)
#define SPACE_WARN     (512 * MIB)
#define SPACE_WRONG    (64 * MIB)
#define SPACE_PART     20 /* a twentieth */
#define SECOND_MS      INT64_C(1000)
#define MINUTE_MS      (60 * SECOND_MS)
#define HOUR_MS        (60 * MINUTE_MS)
#define DAY_MS         (24 * HOUR_MS)

/* Texts come from damaged files too, and go to terminals and into JSON. */
static void tame(char *text) {
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

rove__finding *rove__checkup_add(rove__checkup *checkup, rove__checkup_state verdict,
                                 const char *what, const char *advice, const char *format, ...) {
    /* The last place is written over: one too many is a mistake of the program, and never one of memory. */
    size_t at = checkup->count < ROVE__CHECKUP_MAX ? checkup->count++ : ROVE__CHECKUP_MAX - 1;
    rove__finding *finding = &checkup->findings[at];
    va_list args;
    va_start(args, format);
    finding->verdict = verdict;
    (void)snprintf(finding->what, sizeof finding->what, "%s", what);
    (void)vsnprintf(finding->value, sizeof finding->value, format, args);
    (void)snprintf(finding->advice, sizeof finding->advice, "%s", advice != NULL ? advice : "");
    tame(finding->value);
    va_end(args);
    return finding;
}

size_t rove__checkup_count(const rove__checkup *checkup, rove__checkup_state verdict) {
    size_t count = 0;
    for (size_t i = 0; i < checkup->count; i++) {
        count += checkup->findings[i].verdict == verdict;
    }
    return count;
}

const char *rove__checkup_state_name(rove__checkup_state verdict) {
    return verdict == ROVE__FINE ? "ok" : verdict == ROVE__WARNING ? "warning" : "wrong";
}

/* ---- libraries ------------------------------------------------------------------------------------------- */

int64_t rove__version_number(const char *text) {
    int64_t number = 0;
    text += strcspn(text, "0123456789");
    if (*text == '\0') {
        return -1;
    }
    for (int part = 0; part < 3; part++) {
        int64_t value = 0;
        for (; *text >= '0' && *text <= '9'; text++) {
            value = value < 1000 ? value * 10 + (*text - '0') : value;
        }
        number = number * 1000 + (value < 1000 ? value : 999);
        text += *text == '.';
    }
    return number;
}

/* What Rove does because of a version; NULL: nothing. */
typedef struct mitigation {
    const char *name;
    int64_t below; /* versions below it; 0: from `from` on */
    int64_t from;
    const char *text;
} mitigation;

static const mitigation mitigations[] = {
    {"SQLite", 3051003, 0,
     "below 3.51.3 a write-ahead log is damaged if two connections write or check-point it at the "
     "same moment (the WAL-reset bug): "},
    {"protobuf-c", 1005000, 0,
     "below 1.5 it miscounts absurd sizes: frames are capped (256 KiB in, 1 MiB out) and their "
     "shape is checked before it sees them"},
    {"mbedTLS", 0, 3000000, "3.x is untested with Rove; 2.28 is what was tried"},
};

static void add_mitigation(rove__checkup *checkup, const char *name, int64_t running,
                           const char *writers) {
    for (size_t i = 0; i < sizeof mitigations / sizeof *mitigations; i++) {
        const mitigation *at = &mitigations[i];
        char what[48];
        if (strcmp(at->name, name) != 0 ||
            (at->below != 0 ? running >= at->below : running < at->from)) {
            continue;
        }
        (void)snprintf(what, sizeof what, "%s, in force", name);
        (void)rove__checkup_add(checkup, at->below != 0 ? ROVE__FINE : ROVE__WARNING, what,
                                at->below != 0 ? NULL : "Use 2.28, or try it out first.", "%s%s",
                                at->text, writers != NULL ? writers : "");
    }
}

void rove__checkup_library(rove__checkup *checkup, const char *name, const char *built,
                           const char *running, const char *writers) {
    int64_t was = rove__version_number(built);
    int64_t is = rove__version_number(running);
    if (is < 0 || was < 0 || is / 1000000 != was / 1000000) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, name,
                                "Install the version that Rove was built with, or build Rove anew.",
                                "%s runs; built with %s", running, built);
    } else if (is < was) {
        (void)rove__checkup_add(checkup, ROVE__WARNING, name,
                                "It is older than what Rove was built with: upgrade it.",
                                "%s runs; built with %s", running, built);
    } else if (is > was) {
        (void)rove__checkup_add(checkup, ROVE__FINE, name, NULL, "%s runs; built with %s", running,
                                built);
    } else {
        (void)rove__checkup_add(checkup, ROVE__FINE, name, NULL, "%s", running);
    }
    add_mitigation(checkup, name, is, writers);
}

/* ---- files and disk -------------------------------------------------------------------------------------- */

void rove__checkup_mode(rove__checkup *checkup, const char *folder, const char *name,
                        int required) {
    char path[PATH_BYTES_MAX];
    char advice[64];
    struct stat info;
    const char *what = *name != '\0' ? name : "folder";
    (void)snprintf(path, sizeof path, "%s%s%s", folder, *name != '\0' ? "/" : "", name);
    if (stat(path, &info) != 0) {
        if (required || errno != ENOENT) {
            (void)rove__checkup_add(checkup, ROVE__WRONG, what, "Bring it back from your copy.",
                                    "%s", strerror(errno));
        }
        return;
    }
    unsigned mode = (unsigned)info.st_mode & 07777u;
    const char *wanted = S_ISDIR(info.st_mode) ? "0700" : "0600";
    if (info.st_uid != geteuid()) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, what,
                                "Give it to the user who runs Rove (chown), and to nobody else.",
                                "mode %04o, of user %lu", mode, (unsigned long)info.st_uid);
    } else if ((mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void)snprintf(advice, sizeof advice, "Others can reach it: chmod %s.", wanted);
        (void)rove__checkup_add(checkup, ROVE__WRONG, what, advice, "mode %04o", mode);
    } else {
        (void)rove__checkup_add(checkup, ROVE__FINE, what, NULL, "mode %04o", mode);
    }
}

void rove__checkup_space(rove__checkup *checkup, const char *folder) {
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0) {
        (void)rove__checkup_add(checkup, ROVE__WARNING, "free disk space", NULL, "unknown: %s",
                                strerror(errno));
        return;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t all = (uint64_t)disk.f_blocks * disk.f_frsize;
    rove__checkup_state verdict = left < SPACE_WRONG                             ? ROVE__WRONG
                                  : left < SPACE_WARN || left < all / SPACE_PART ? ROVE__WARNING
                                                                                 : ROVE__FINE;
    (void)rove__checkup_add(checkup, verdict, "free disk space",
                            verdict == ROVE__FINE ? NULL : "Make room on this disk.",
                            "%" PRIu64 " MiB of %" PRIu64 " MiB", left / MIB, all / MIB);
}

/* ---- time ------------------------------------------------------------------------------------------------ */

void rove__checkup_span(char *out, size_t capacity, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{DAY_MS, "day"}, {HOUR_MS, "hour"}, {MINUTE_MS, "minute"}, {SECOND_MS, "second"}};
    size_t i = 0;
    ms = ms < 0 ? -ms : ms;
    while (i + 1 < sizeof units / sizeof *units && ms < 2 * units[i].ms) {
        i++;
    }
    int64_t count = ms / units[i].ms;
    (void)snprintf(out, capacity, "%" PRId64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
}

void rove__checkup_certificate(rove__checkup *checkup, const char *what, int64_t until_ms,
                               int64_t now_ms, int64_t warn_days, const char *advice) {
    char span[32];
    int64_t left = until_ms - now_ms;
    rove__checkup_state verdict = left <= 0                   ? ROVE__WRONG
                                  : left < warn_days * DAY_MS ? ROVE__WARNING
                                                              : ROVE__FINE;
    rove__checkup_span(span, sizeof span, left);
    (void)rove__checkup_add(checkup, verdict, what, verdict == ROVE__FINE ? NULL : advice,
                            left <= 0 ? "ended %s ago" : "good for %s", span);
}

/* ---- the lock -------------------------------------------------------------------------------------------- */

rove_status rove__checkup_hold(const char *folder, int *fd, long *pid) {
    char path[PATH_BYTES_MAX];
    char text[24] = "";
    *pid = 0;
    (void)snprintf(path, sizeof path, "%s/lock", folder);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        return errno == ENOENT ? ROVE_OK : ROVE_IO;
    }
    if (flock(*fd, LOCK_SH | LOCK_NB) == 0) {
        return ROVE_OK;
    }
    int busy = errno == EWOULDBLOCK;
    if (pread(*fd, text, sizeof text - 1, 0) > 0) {
        *pid = strtol(text, NULL, 10);
    }
    (void)close(*fd);
    *fd = -1;
    return busy ? ROVE_BUSY : ROVE_IO;
}
