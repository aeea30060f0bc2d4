/*
 * http/serve.c - see serve.h.
 */
#include "http/serve.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "admin/certificate.h"
#include "args.h"
#include "assign/plan.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/stamp.h"
#include "base/text.h"
#include "control.h"
#include "http/http.h"
#include "path.h"
#include "sync/wait.h"

#define LISTEN_DEFAULT "127.0.0.1:8443"

typedef struct serving {
    hq_http_options http;
    const char *port_file;
    const char *threads;
    const char *connections;
    const char *per_address;
    const char *idle_seconds;
    const char *wait_seconds;
    const char *exchange_memory;
    const char *pull_mib;
    const char *full_downloads;
    const char *drops;
} serving;

/* Less than one exchange may need makes no sense. */
#define EXCHANGE_MIB_MIN 16
#define EXCHANGE_MIB_MAX 65536
#define PULL_MIB_MAX     1000000
#define DOWNLOADS_MAX    1000000
#define DROPS_MAX        60000

static int read_number(const char *text, int64_t least, int64_t most, unsigned *number) {
    int64_t value = 0;
    if (text == NULL) {
        return 1;
    }
    int fine = hq_number(text, least, most, &value);
    *number = (unsigned)value;
    return fine;
}

static int read_options(const hq_io *io, int argc, char **argv, serving *out) {
    const hq_option options[] = {{"--listen", &out->http.listen, NULL},
                                 {"--port-file", &out->port_file, NULL},
                                 {"--threads", &out->threads, NULL},
                                 {"--connections", &out->connections, NULL},
                                 {"--connections-per-address", &out->per_address, NULL},
                                 {"--idle-seconds", &out->idle_seconds, NULL},
                                 {"--wait-seconds", &out->wait_seconds, NULL},
                                 {"--exchange-memory", &out->exchange_memory, NULL},
                                 {"--pull-mib-a-day", &out->pull_mib, NULL},
                                 {"--full-downloads-a-day", &out->full_downloads, NULL},
                                 {"--drops-a-minute", &out->drops, NULL},
                                 {NULL, NULL, NULL}};
    unsigned idle_seconds = 0;
    unsigned wait_seconds = 0;
    unsigned exchange_mib = 0;
    unsigned pull_mib = 0;
    unsigned full_downloads = 0;
    int count = 0;
    int usage = hq_arguments(io, &hq_command_serve, options, argc, argv, 0, 0, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    if (!read_number(out->threads, 1, 256, &out->http.threads) ||
        !read_number(out->connections, 1, 65536, &out->http.connections) ||
        !read_number(out->per_address, 1, 65536, &out->http.connections_per_address) ||
        !read_number(out->idle_seconds, 1, 3600, &idle_seconds) ||
        !read_number(out->wait_seconds, 1, ROVE_WAIT_MS_MAX / 1000, &wait_seconds) ||
        !read_number(out->exchange_memory, EXCHANGE_MIB_MIN, EXCHANGE_MIB_MAX, &exchange_mib) ||
        !read_number(out->pull_mib, 1, PULL_MIB_MAX, &pull_mib) ||
        !read_number(out->full_downloads, 1, DOWNLOADS_MAX, &full_downloads) ||
        !read_number(out->drops, 1, DROPS_MAX, &out->http.drops_a_minute)) {
        return hq_usage(io, &hq_command_serve, "an option is not a number, or out of its range");
    }
    out->http.idle_ms = (int64_t)idle_seconds * 1000;
    out->http.wait_ms = (int64_t)wait_seconds * 1000;
    out->http.exchange_bytes = (size_t)exchange_mib * 1024 * 1024;
    out->http.pull_bytes_a_day = (uint64_t)pull_mib * 1024 * 1024;
    out->http.full_downloads_a_day = full_downloads;
    return HQ_EXIT_DONE;
}

/* Each connection takes a descriptor; what the system lets us have is taken. */
static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static rove_status write_port(hq *headquarters, const hq_io *io, const char *file, int port,
                              rove_error *error) {
    char text[16];
    const hq_ports *ports = hq_get_ports(headquarters);
    char *path = hq_path(headquarters, io, file);
    if (path == NULL) {
        return ROVE_NOMEM;
    }
    rove__text_format(text, sizeof text, "%d\n", port);
    rove_status status = ports->files.replace(ports->files.ctx, path, text, strlen(text), error);
    rove__free(&ports->allocator, path);
    return status;
}

/* Until SIGINT or SIGTERM. A second one ends the process at once. */
static void wait_for_signal(void) {
    sigset_t stop;
    int which = 0;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigwait(&stop, &which);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
}

/* Who can read a key can be headquarters, so that one which others may read is not put to use. */
static rove_status check_keys(const hq *headquarters, rove_error *error) {
    static const char *const names[] = {"ca.key", "server.key", "server-next.key", "ca-next.key",
                                        "seal.key"};
    char path[HQ_PATH_MAX];
    struct stat about;
    rove_status status = ROVE_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == ROVE_OK; i++) {
        status = hq_join(path, hq_folder(headquarters), names[i], error);
        if (status == ROVE_OK && stat(path, &about) == 0 &&
            (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
            status = rove__error_set(error, ROVE_INVALID,
                                     "%s is open to others than its owner (mode %03o). Take that "
                                     "away: chmod 600 %s",
                                     names[i], (unsigned)about.st_mode & 0777U, names[i]);
        }
    }
    return status;
}

static void warn_of_end(hq *headquarters, const rove_log *log) {
    rove_pki_server certificate;
    char until[ROVE_TIME_TEXT_SIZE];
    if (hq_certificate_ends(headquarters, &certificate)) {
        rove__time_format(certificate.not_after_ms, until);
        rove__log(log, ROVE_LOG_WARN, "serve",
                  "the server's certificate is good until %s; renew it: rove-hq renew-server",
                  until);
    }
}

/* What fell due while nobody served is done before the first device is let in. */
static void run_overdue_plans(hq *headquarters, const rove_log *log) {
    rove_error error = {0};
    size_t count = 0;
    if (plan_run_due(headquarters, hq_now_ms(headquarters), &count, &error) != ROVE_OK) {
        rove__log(log, ROVE_LOG_ERROR, "serve", "plans could not be carried out: %s",
                  error.message);
    }
}

static int run(hq *headquarters, const hq_io *io, int argc, char **argv) {
    serving self = {.http = {.listen = LISTEN_DEFAULT}};
    const rove_log *log = &hq_get_ports(headquarters)->log;
    rove_error error = {0};
    hq_http *http = NULL;
    control *commands = NULL;
    planner *plans = NULL;
    int result = read_options(io, argc, argv, &self);
    if (result != HQ_EXIT_DONE) {
        return result;
    }
    rove_status status = check_keys(headquarters, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    raise_descriptors();
    run_overdue_plans(headquarters, log);
    status = control_start(headquarters, &commands, &error);
    if (status == ROVE_OK) {
        status = planner_start(headquarters, &plans, &error);
    }
    if (status == ROVE_OK) {
        status = hq_http_start(headquarters, &self.http, &http, &error);
    }
    if (status == ROVE_OK && self.port_file != NULL) {
        status = write_port(headquarters, io, self.port_file, hq_http_port(http), &error);
    }
    if (status == ROVE_OK) {
        warn_of_end(headquarters, log);
        hq_print(io, "listening on %s\n", hq_http_url(http));
        rove__log(log, ROVE_LOG_INFO, "serve", "listening on %s", hq_http_url(http));
        wait_for_signal();
        rove__log(log, ROVE_LOG_INFO, "serve", "stopping");
    }
    hq_http_stop(http);
    planner_stop(plans);
    control_stop(commands);
    return status == ROVE_OK ? HQ_EXIT_DONE : hq_failed(io, status, &error);
}

const hq_command hq_command_serve = {
    .name = "serve",
    .usage =
        "[--listen ADDRESS:PORT] [--port-file FILE] [--threads N] [--connections N]\n"
        "           [--connections-per-address N] [--idle-seconds N] [--wait-seconds N]\n"
        "           [--exchange-memory MIB] [--pull-mib-a-day MIB] [--full-downloads-a-day N]\n"
        "           [--drops-a-minute N]",
    .summary = "let devices exchange with headquarters over HTTPS",
    .help =
        "Listens at 127.0.0.1:8443 unless --listen says otherwise; port 0 lets the system choose.\n"
        "The address is printed at once (\"listening on https://...\"), and the port written to\n"
        "--port-file. Ctrl-C or SIGTERM stops it after running requests are answered. While it "
        "runs,\n"
        "other rove-hq commands on the same folder work through it.\n\n"
        "--threads N (4), --connections N (1024), --connections-per-address N (256), and\n"
        "--idle-seconds N (30): a request has to come, or to go on, within that time.\n"
        "--wait-seconds N (240, at most 300): a device that waits for news is told after so long\n"
        "that there is none; less than what stands in between allows a silent connection. Each\n"
        "takes a connection; three quarters of them at most may wait.\n"
        "--exchange-memory MIB (256, at least 16): what all exchanges under way may hold "
        "together,\n"
        "some 2 MiB each. Past three quarters of it devices are asked to come again in a "
        "moment.\n\n"
        "--pull-mib-a-day MIB (2048) and --full-downloads-a-day N (24): a device that was sent "
        "more "
        "than\n"
        "that today (UTC) waits for the next day; it is an act of headquarters (rove-hq acts, "
        "`quota`) and\n"
        "in the metrics. What it has not sent stays on it.\n"
        "--drops-a-minute N (60): how often one address may bring what locked or wiped devices\n"
        "have sealed; that needs no certificate. A whole office may have one address.\n\n"
        "GET /healthz answers \"ok\" to anybody; GET /metrics answers this host alone.\n\n"
        "    rove-hq --data /srv/acme serve --listen 0.0.0.0:8443\n",
    .run = run};
