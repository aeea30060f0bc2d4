/*
 * bench_wake - thousands of devices that wait at headquarters (GET /v1/wait), each of another rep with an account of his
 * own: what they cost while nothing happens, what a commit costs when it concerns one of them, and when it concerns all.
 *
 *   bench_wake [--check] [--json] [--runs N] [--devices N] [--folder PATH]
 *
 * Headquarters runs in this process, so that its processor time is this process's; the devices are connections of a
 * child, which is told the cursor to wait from and says when so many answers have come. A device needs a descriptor at
 * either end: the number is cut to what the system allows (ulimit -n).
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "folder.h"
#include "http/http.h"
#include "keys.h"
#include "measure.h"
#include "office.h"
#include "posix/pki.h"
#include "sync/wait.h"
#include "wake.h"

#define DEVICES      5000
#define FIRST_NUMBER 1000u
#define SPARE        200 /* descriptors for everything else */

/* From parent to child. */
typedef struct opening {
    int port;
    int devices;
    size_t key_size;
    uint8_t key[ROVE_KEY_DER_MAX];
} opening;

typedef struct order {
    uint64_t timeline, seq;
    int answers; /* after so many say so */
} order;

typedef struct bench {
    measure_report report;
    office office;
    int devices;
    rove_id *users, *accounts;
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t key_size;
    rove_pki_request csr;
    rove_pki_bytes certificate;
    hq_http *http;
    int child; /* a socket */
    int round;
} bench;

static void need(int fine, const char *what) {
    if (!fine) {
        perror(what);
        exit(2);
    }
}

static void move(int out, int fd, void *bytes, size_t size) {
    uint8_t *at = bytes;
    while (size > 0) {
        ssize_t moved = out ? write(fd, at, size) : read(fd, at, size);
        if (moved <= 0) {
            exit(out ? 2 : 0); /* the other process has ended */
        }
        at += moved;
        size -= (size_t)moved;
    }
}

/* ---- the devices: a child ---- */

typedef struct line {
    SSL *ssl;
    int fd;
} line;

static void ask(const line *d, const order *now) {
    char text[200];
    int size = snprintf(text, sizeof text,
                        "GET /v1/wait?cursor=%llu.%llu HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        (unsigned long long)now->timeline, (unsigned long long)now->seq);
    need(SSL_write(d->ssl, text, size) == size, "asking");
}

static void open_device(line *d, SSL_CTX *tls, int port, int watch, int n) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)n};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    d->fd = socket(AF_INET, SOCK_STREAM, 0);
    need(d->fd >= 0 && connect(d->fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    d->ssl = SSL_new(tls);
    need(d->ssl != NULL && SSL_set_fd(d->ssl, d->fd) == 1 && SSL_connect(d->ssl) == 1, "TLS");
    need(fcntl(d->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    need(epoll_ctl(watch, EPOLL_CTL_ADD, d->fd, &event) == 0, "epoll");
}

/* 1: an answer came to its end, which is the one byte of its body. Session tickets come too. */
static int hear(const line *d) {
    char text[1024];
    int got = SSL_read(d->ssl, text, sizeof text);
    while (got > 0 && text[got - 1] != ROVE_WAIT_CHANGED) {
        need(text[got - 1] != ROVE_WAIT_NOTHING, "news");
        got = SSL_read(d->ssl, text, sizeof text);
    }
    need(got > 0 || SSL_get_error(d->ssl, got) == SSL_ERROR_WANT_READ, "hearing");
    return got > 0;
}

/* Who was answered asks again with the next order's cursor. */
static void wait_for_orders(int parent, line *devices, int count, int watch) {
    struct epoll_event events[256];
    int *idle = count > 0 ? calloc((size_t)count, sizeof *idle) : NULL;
    int idle_count = count;
    order now;

    need(idle != NULL, "memory");
    for (int i = 0; i < count; i++) {
        idle[i] = i;
    }
    for (;;) {
        move(0, parent, &now, sizeof now);
        while (idle_count > 0) {
            ask(&devices[idle[--idle_count]], &now);
        }
        move(1, parent, &now, sizeof now); /* all wait, or are about to */
        while (idle_count < now.answers) {
            int ready = epoll_wait(watch, events, 256, -1);
            for (int i = 0; i < ready; i++) {
                if (hear(&devices[events[i].data.u32])) {
                    idle[idle_count++] = (int)events[i].data.u32;
                }
            }
        }
        move(1, parent, &now, sizeof now);
    }
}

static void be_devices(int parent) {
    opening told;
    rove_pki_bytes certificate;
    int watch = epoll_create1(0);
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    move(0, parent, &told, sizeof told);
    line *devices = calloc((size_t)told.devices, sizeof *devices);
    need(devices != NULL && tls != NULL && watch >= 0, "devices");
    const uint8_t *key = told.key;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &key, (long)told.key_size);
    for (int i = 0; i < told.devices; i++) {
        move(0, parent, &certificate, sizeof certificate);
        need(SSL_CTX_use_certificate_ASN1(tls, (int)certificate.size, certificate.data) == 1 &&
                 SSL_CTX_use_PrivateKey(tls, pkey) == 1,
             "certificate");
        open_device(&devices[i], tls, told.port, watch, i);
    }
    wait_for_orders(parent, devices, told.devices, watch);
}

/* ---- headquarters ---- */

static bench *current; /* for office_put's functions */

static rove_status put_user(office_job *job, rove__writer *writer, int n, rove_error *error) {
    rove__row *row = office_row(job, "User");
    char name[32];
    snprintf(name, sizeof name, "rep %d", n);
    office_set(row, "name", rove__value_text(name));
    office_set(row, "login", rove__value_text(name));
    office_set(row, "role", rove__value_int(1));
    office_set(row, "status", rove__value_int(1));
    rove_status status = rove__writer_insert(writer, row, error);
    current->users[n] = row->id;
    return status;
}

static rove_status put_account(office_job *job, rove__writer *writer, int n, rove_error *error) {
    rove__row *row = office_row(job, "Account");
    office_set(row, "name", rove__value_text("Shop"));
    rove_status status = rove__writer_insert(writer, row, error);
    current->accounts[n] = row->id;
    return status == ROVE_OK ? rove__writer_grant(writer, current->users[n], row->id, 0, error)
                             : status;
}

/* All with one key: only certificates tell them apart. */
static rove_status put_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    bench *b = ctx;
    rove_status status = ROVE_OK;
    rove__hq_device made = {.status = ROVE_DEVICE_ACTIVE};
    rove_span span = {b->csr.public_der, b->csr.public_size};
    const rove_crypto *crypto = &b->office.ports.crypto;
    (void)error;
    need(crypto->sha256(crypto->ctx, &span, 1, made.key_hash) == ROVE_OK, "hash");
    for (int i = 0; i < b->devices && status == ROVE_OK; i++) {
        made.replica = FIRST_NUMBER + (rove_replica)i;
        made.user = b->users[i];
        status = hq_database(b->office.headquarters)->store.device_put(tx, &made);
    }
    return status;
}

/* What everybody hears of, or the rep of one account. */
static rove_status put_territory(office_job *job, rove__writer *writer, int n, rove_error *error) {
    rove__row *row = office_row(job, "Territory");
    char name[32];
    (void)n;
    snprintf(name, sizeof name, "%llu", (unsigned long long)rove__writer_seq(writer));
    office_set(row, "name", rove__value_text(name));
    return rove__writer_insert(writer, row, error);
}

static rove_status edit_account(office_job *job, rove__writer *writer, int n, rove_error *error) {
    rove__row *row = office_row(job, "Account");
    char phone[32];
    size_t changed = 0;
    (void)n;
    snprintf(phone, sizeof phone, "%llu", (unsigned long long)rove__writer_seq(writer));
    row->id = current->accounts[current->round++ % current->devices];
    office_set(row, "phone", rove__value_text(phone));
    return rove__writer_update(writer, row, &changed, error);
}

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    (void)error;
    return hq_database(current->office.headquarters)->store.head_get(tx, ctx);
}

static void fill(bench *b) {
    static const char *const hosts[] = {"127.0.0.1"};
    hq_init_options options = {
        .name = "Bench", .hosts = hosts, .host_count = 1, .operator_name = "bench"};
    const rove_crypto *crypto = &b->office.ports.crypto;
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t size = 0;
    rove_error error = {0};

    office_check(hq_init(&b->office.ports, b->office.folder, &options, &error), &error, "init");
    office_check(hq_open(&b->office.ports, b->office.folder, &b->office.headquarters, &error),
                 &error, "open");
    need(crypto->key_generate(crypto->ctx, b->key, sizeof b->key, &b->key_size) == ROVE_OK &&
             crypto->csr(crypto->ctx, b->key, b->key_size, NULL, 0, csr, sizeof csr, &size) ==
                 ROVE_OK &&
             rove_pki_request_read(csr, size, &b->csr, &error) == ROVE_OK,
         "key");
    office_put(&b->office, b->devices, put_user);
    office_put(&b->office, b->devices, put_account);
    office_check(hq_commit(b->office.headquarters, put_device, b, &error), &error, "devices");
}

static void serve(bench *b) {
    unsigned connections = (unsigned)b->devices * 2;
    hq_http_options options = {.listen = "127.0.0.1:0",
                               .connections = connections,
                               .connections_per_address = connections,
                               .idle_ms = 3600000};
    opening told = {.devices = b->devices, .key_size = b->key_size};
    rove_error error = {0};

    office_check(hq_http_start(b->office.headquarters, &options, &b->http, &error), &error,
                 "serving");
    told.port = hq_http_port(b->http);
    memcpy(told.key, b->key, sizeof told.key);
    move(1, b->child, &told, sizeof told);
    for (int i = 0; i < b->devices; i++) {
        rove_pki_subject subject = {.replica = FIRST_NUMBER + (rove_replica)i, .user = b->users[i]};
        office_check(rove_pki_device_issue(hq_get_keys(b->office.headquarters)->authority, &b->csr,
                                           &subject, hq_now_ms(b->office.headquarters),
                                           &b->certificate, &error),
                     &error, "a certificate");
        move(1, b->child, &b->certificate, sizeof b->certificate);
    }
}

/* ---- measuring ---- */

static double processor_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* All wait, from the head on; the child will say when so many are answered. */
static void all_wait(bench *b, int answers) {
    rove__hq_head head;
    order now = {.answers = answers};
    size_t waiting = 0;
    uint64_t woken = 0;

    need(hq_read(b->office.headquarters, read_head, &head, NULL) == ROVE_OK, "head");
    now.timeline = head.timeline;
    now.seq = head.seq;
    move(1, b->child, &now, sizeof now);
    move(0, b->child, &now, sizeof now);
    while (waiting < (size_t)b->devices) {
        (void)poll(NULL, 0, 1);
        wake_count(hq_get_wake(b->office.headquarters), &waiting, &woken);
    }
}

/* The processor time that it took, in ms. */
static double measure_wake(bench *b, int answers,
                           rove_status (*put)(office_job *, rove__writer *, int, rove_error *),
                           const char *time_name, const char *work_name) {
    order now;
    all_wait(b, answers);
    (void)poll(NULL, 0, 2 * WAKE_PAUSE_MS); /* the last round's pause is not to be measured */
    double before_s = processor_s();
    double began = measure_now();
    office_put(&b->office, 1, put);
    move(0, b->child, &now, sizeof now);
    measure_add(&b->report, time_name, (measure_now() - began) * 1e3, "ms", MEASURE_REPORTED, 0);
    double work_ms = (processor_s() - before_s) * 1e3;
    measure_add(&b->report, work_name, work_ms, "ms", MEASURE_REPORTED, 0);
    return work_ms;
}

static double resident_kib(void) {
    office_process = getpid();
    double mib = office_memory_mib("VmRSS:");
    office_process = 0;
    return mib * 1024;
}

static void measure(bench *b, int runs) {
    double before_kib = resident_kib();
    double began = measure_now();

    serve(b);
    all_wait(b, 1);
    measure_add(&b->report, "waiting devices", b->devices, "", MEASURE_REPORTED, 0);
    measure_add(&b->report, "to connect them all, both ends", measure_now() - began, "s",
                MEASURE_REPORTED, 0);
    measure_add(&b->report, "memory per waiting device", (resident_kib() - before_kib) / b->devices,
                "KiB", MEASURE_AT_MOST, 40);
    double idle_s = processor_s();
    (void)poll(NULL, 0, 2000);
    measure_add(&b->report, "processor while all wait", (processor_s() - idle_s) / 2 * 100, "%",
                MEASURE_REPORTED, 0);
    order now;
    office_put(&b->office, 1, edit_account);
    move(0, b->child, &now, sizeof now);
    for (int i = 0; i < runs; i++) {
        double one_ms = measure_wake(b, 1, edit_account, "one is concerned: commit to its answer",
                                     "one is concerned: processor");
        double all_ms = measure_wake(b, b->devices, put_territory,
                                     "all are concerned: commit to the last answer",
                                     "all are concerned: processor");
        measure_add(&b->report, "processor: one is concerned / all are", one_ms / all_ms, "x",
                    MEASURE_AT_MOST, 0.1);
    }
    (void)close(b->child);
    hq_http_stop(b->http);
}

/* ---- the program ---- */

/* As many as there are descriptors for. */
static int allowed(int wanted) {
    struct rlimit limit;
    need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    return limit.rlim_max < (rlim_t)(wanted + SPARE) ? (int)limit.rlim_max - SPARE : wanted;
}

int main(int argc, char **argv) {
    static bench b;
    const char *folder = ".";
    int ends[2];
    int check_budgets = 0;
    int json = 0;
    int runs = 5;

    b.devices = DEVICES;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check_budgets = 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = 1;
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--devices") == 0 && i + 1 < argc) {
            b.devices = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_wake [--check] [--json] [--runs N] [--devices N]"
                            " [--folder PATH]\n");
            return 2;
        }
    }
    b.devices = allowed(b.devices);
    if (runs < 1 || runs > MEASURE_RUNS_MAX || b.devices < 1) {
        return 2;
    }
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        be_devices(ends[1]);
    }
    (void)close(ends[1]);
    current = &b;
    b.child = ends[0];
    b.users = calloc((size_t)b.devices, sizeof *b.users);
    b.accounts = calloc((size_t)b.devices, sizeof *b.accounts);
    need(b.users != NULL && b.accounts != NULL, "memory");
    office_prepare(&b.office, folder_make(folder, "bench_wake.data"));
    fill(&b);
    measure(&b, runs);
    (void)waitpid(child, NULL, 0);
    hq_close(b.office.headquarters);
    if (json) {
        measure_print_json(&b.report);
    } else {
        measure_print_text(&b.report);
    }
    return check_budgets && measure_misses(&b.report) > 0 ? 1 : 0;
}
