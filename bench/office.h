/*
 * bench/office.h - a headquarters for benchmarks: made and filled in this process by the code of `rove-hq`, then served by
 * the program itself as a child, which ends with this process.
 *
 * It holds one rep, the accounts and visits of visits.h, all assigned to him, and an invitation for each device. Ids of
 * visits ascend in the order of visits_make, so that those of one account are interleaved with those of all others.
 */
#ifndef ROVE_BENCH_OFFICE_H
#define ROVE_BENCH_OFFICE_H

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hq.h"
#include "posix/posix.h"
#include "visits.h"

#define OFFICE_PER_JOB     1000
#define OFFICE_INVITATIONS 32
#define OFFICE_SEED        1

typedef struct office {
    hq_ports ports;
    char folder[400];
    hq *headquarters; /* while it is filled */
    rove_id user;
    int rows; /* visits */
    rove_id accounts[VISITS_ACCOUNTS];
    rove_id *visits;
    char invitations[OFFICE_INVITATIONS][512];
    int invited;
    int used;
    const char *program;
    char url[128];
    char listen[64]; /* where it listened last */
} office;

/* The child, for whatever ends this process. */
static volatile sig_atomic_t office_process;

static inline void office_check(rove_status status, const rove_error *error, const char *doing) {
    if (status != ROVE_OK) {
        fprintf(stderr, "headquarters: %s: %s (%s)\n", doing, error->message,
                rove_status_name(status));
        exit(2);
    }
}

/* ---- filling ---- */

typedef struct office_job {
    office *office;
    int from, to;
    rove__arena arena;
    rove_status (*put)(struct office_job *job, rove__writer *writer, int n, rove_error *error);
} office_job;

static inline rove_status office_apply(void *ctx, rove__hq_tx *tx, rove_error *error) {
    office_job *job = ctx;
    rove__writer *writer = NULL;
    uint64_t seq = 0;

    rove__arena_reset(&job->arena);
    rove_status status =
        hq_writer(job->office->headquarters, tx, "bench", "import", &writer, error);
    for (int i = job->from; i < job->to && status == ROVE_OK; i++) {
        status = job->put(job, writer, i, error);
    }
    if (writer == NULL || status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    return rove__writer_finish(writer, &seq, error);
}

static inline rove__row *office_row(office_job *job, const char *entity) {
    rove__registry *registry = hq_registry(job->office->headquarters);
    rove__row *row = rove__arena_take(&job->arena, sizeof *row);

    if (row == NULL ||
        rove__row_init(row, rove__registry_by_name(registry, entity), 0, &job->arena) != ROVE_OK) {
        exit(2);
    }
    return row;
}

static inline void office_set(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static inline rove_status office_put_account(office_job *job, rove__writer *writer, int n,
                                             rove_error *error) {
    rove__row *row = office_row(job, "Account");
    char name[32];

    snprintf(name, sizeof name, "Account %d", n);
    office_set(row, "name", rove__value_text(name));
    rove_status status = rove__writer_insert(writer, row, error);
    job->office->accounts[n] = row->id;
    return status;
}

static inline rove_status office_put_grant(office_job *job, rove__writer *writer, int n,
                                           rove_error *error) {
    return rove__writer_grant(writer, job->office->user, job->office->accounts[n], 0, error);
}

/* The n-th visit, with this headquarters' ids. */
static inline visit office_visit(const office *o, int n) {
    visit v = visits_make(OFFICE_SEED, n);

    v.account_id = o->accounts[v.account_id - (INT64_C(1) << 32) - 1];
    v.visitor_id = o->user;
    v.id = o->visits[n];
    return v;
}

static inline rove_status office_put_visit(office_job *job, rove__writer *writer, int n,
                                           rove_error *error) {
    rove__row *row = office_row(job, "Visit");
    visit v = office_visit(job->office, n);

    office_set(row, "account_id", rove__value_int(v.account_id));
    office_set(row, "visitor_id", rove__value_int(v.visitor_id));
    office_set(row, "planned_start", rove__value_int(v.planned_start));
    office_set(row, "planned_end", rove__value_int(v.planned_end));
    office_set(row, "status", rove__value_int(v.status));
    office_set(row, "priority", rove__value_int(v.priority));
    office_set(row, "type", rove__value_text(v.type));
    office_set(row, "instruction", rove__value_bytes(ROVE_TEXT, v.instruction, VISITS_TEXT));
    rove_status status = rove__writer_insert(writer, row, error);
    job->office->visits[n] = row->id;
    return status;
}

static inline void office_put(office *o, int count,
                              rove_status (*put)(office_job *, rove__writer *, int, rove_error *)) {
    office_job job = {.office = o, .put = put};
    rove_error error = {0};

    rove__arena_init(&job.arena, &o->ports.allocator, (size_t)64 * 1024 * 1024);
    for (int from = 0; from < count; from += OFFICE_PER_JOB) {
        job.from = from;
        job.to = count - from < OFFICE_PER_JOB ? count : from + OFFICE_PER_JOB;
        office_check(hq_commit(o->headquarters, office_apply, &job, &error), &error, "filling it");
    }
    rove__arena_free(&job.arena);
}

/* ---- commands ---- */

typedef struct office_said {
    char text[16384];
    size_t size;
} office_said;

static inline void office_hear(void *ctx, const char *bytes, size_t size) {
    office_said *said = ctx;

    if (size < sizeof said->text - said->size) {
        memcpy(said->text + said->size, bytes, size);
        said->size += size;
        said->text[said->size] = '\0';
    }
}

/* Runs a command of rove-hq; the member of its JSON document, up to a quote, a comma or the line's end. */
static inline void office_run(office *o, int argc, char **argv, const char *member, char *text,
                              size_t capacity) {
    office_said said = {.size = 0};
    hq_io io = {.out = office_hear,
                .err = office_hear,
                .ctx = &said,
                .json = 1,
                .operator_name = "bench",
                .directory = "."};
    char key[64];
    size_t size = 0;

    said.text[0] = '\0';
    int code = hq_command_named(argv[0])->run(o->headquarters, &io, argc, argv);
    snprintf(key, sizeof key, "\"%s\": ", member);
    const char *at = strstr(said.text, key);
    if (code != HQ_EXIT_DONE || at == NULL) {
        fprintf(stderr, "rove-hq %s: exit code %d: %s\n", argv[0], code, said.text);
        exit(2);
    }
    at += strlen(key);
    at += *at == '"';
    while (strchr("\",\n", *at) == NULL && size + 1 < capacity) {
        text[size++] = *at++;
    }
    text[size] = '\0';
}

static inline void office_invite(office *o, int count) {
    char words[][16] = {"enroll-code", "--user", "rep", "--minutes", "1440"};
    char *argv[] = {words[0], words[1], words[2], words[3], words[4], NULL};

    for (int i = 0; i < count; i++) {
        office_run(o, 5, argv, "invitation", o->invitations[i], sizeof o->invitations[i]);
    }
    o->invited = count;
}

static inline const char *office_invitation(office *o) {
    if (o->used == o->invited) {
        fprintf(stderr, "headquarters: no invitation is left\n");
        exit(2);
    }
    return o->invitations[o->used++];
}

static inline void office_fill(office *o, int rows, int devices) {
    static const char *const hosts[] = {"127.0.0.1"};
    hq_init_options options = {.name = "Bench",
                               .hosts = hosts,
                               .host_count = 1,
                               .currency = "EUR",
                               .timezone = "Europe/Paris",
                               .operator_name = "bench"};
    char words[][8] = {"users", "add", "rep"};
    char *argv[] = {words[0], words[1], words[2], NULL};
    char number[32];
    rove_error error = {0};

    o->rows = rows;
    o->visits = calloc((size_t)rows, sizeof *o->visits);
    if (o->visits == NULL) {
        exit(2);
    }
    office_check(hq_init(&o->ports, o->folder, &options, &error), &error, "making it");
    office_check(hq_open(&o->ports, o->folder, &o->headquarters, &error), &error, "opening it");
    office_run(o, 3, argv, "id", number, sizeof number);
    o->user = strtoll(number, NULL, 10);
    office_put(o, VISITS_ACCOUNTS, office_put_account);
    office_put(o, rows, office_put_visit);
    office_put(o, VISITS_ACCOUNTS, office_put_grant);
    office_invite(o, devices);
    hq_close(o->headquarters);
    o->headquarters = NULL;
}

/* ---- serving ---- */

/* Its ports, and its place in a folder that is there. */
static inline void office_prepare(office *o, const char *folder) {
    rove_error error = {0};

    snprintf(o->folder, sizeof o->folder, "%s/headquarters", folder);
    rove_posix_allocator(&o->ports.allocator);
    rove_posix_clock(&o->ports.clock);
    rove_posix_random(&o->ports.random);
    rove_posix_files(&o->ports.files);
    office_check(rove_posix_crypto_new(&o->ports.crypto), &error, "cryptography");
}

/* $ROVE_HQ_BIN, or ../bin/rove-hq beside this program. */
static inline const char *office_program(const char *self, char *path, size_t capacity) {
    const char *named = getenv("ROVE_HQ_BIN");
    const char *slash = strrchr(self, '/');

    if (named != NULL && named[0] != '\0') {
        return named;
    }
    snprintf(path, capacity, "%.*s../bin/rove-hq", slash == NULL ? 0 : (int)(slash - self) + 1,
             self);
    return path;
}

static inline void office_end(void) {
    pid_t process = office_process;

    office_process = 0;
    if (process > 0) {
        (void)kill(process, SIGTERM);
        (void)waitpid(process, NULL, 0);
    }
}

static inline void office_interrupted(int signal_number) {
    if (office_process > 0) {
        (void)kill(office_process, SIGTERM);
    }
    _exit(128 + signal_number);
}

/* What it reports goes into folder.log. */
static inline void office_run_program(office *o, int out) {
    char log[420];
    char *const argv[] = {(char *)(uintptr_t)o->program,
                          (char *)(uintptr_t) "--data",
                          o->folder,
                          (char *)(uintptr_t) "serve",
                          (char *)(uintptr_t) "--listen",
                          o->listen,
                          NULL};

    snprintf(log, sizeof log, "%s.log", o->folder);
    if (dup2(out, STDOUT_FILENO) >= 0 && freopen(log, "w", stderr) != NULL) {
        (void)execv(o->program, argv);
    }
    perror(o->program);
    _exit(127);
}

/* Starts the program and waits until it says where it listens. */
static inline void office_start(office *o) {
    int ends[2];
    char line[256];

    if (pipe(ends) != 0) {
        exit(2);
    }
    pid_t process = fork();
    if (process == 0) {
        (void)close(ends[0]);
        office_run_program(o, ends[1]);
    }
    office_process = process;
    (void)close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    while (said != NULL && fgets(line, sizeof line, said) != NULL) {
        if (sscanf(line, "listening on %127s", o->url) == 1) {
            snprintf(o->listen, sizeof o->listen, "%s", o->url + strlen("https://"));
            return; /* the pipe stays: the child may go on to speak */
        }
    }
    fprintf(stderr, "%s does not serve\n", o->program);
    exit(2);
}

static inline void office_serve(office *o, const char *program) {
    (void)atexit(office_end);
    (void)signal(SIGINT, office_interrupted);
    (void)signal(SIGTERM, office_interrupted);
    o->program = program;
    snprintf(o->listen, sizeof o->listen, "127.0.0.1:0");
    office_start(o);
}

/* A number of kB from /proc/<child>/status; 0 where there is none. */
static inline double office_memory_mib(const char *key) {
    char line[256];
    long kib = 0;

    snprintf(line, sizeof line, "/proc/%ld/status", (long)office_process);
    FILE *file = fopen(line, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtol(line + strlen(key), NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return (double)kib / 1024;
}

/* ---- its memory ---- */

static inline rove_status office_hear_metrics(void *ctx, const void *bytes, size_t size) {
    office_hear(ctx, bytes, size);
    return ROVE_OK;
}

/* What its database holds of it: rove_database_memory_bytes of /metrics. */
static inline double office_database_mib(office *o) {
    char url[160];
    char path[420];
    uint8_t authority[4096];
    size_t size = 0;
    double bytes = 0;
    office_said said = {.size = 0};
    rove_transport transport;
    rove_response response = {0};
    rove_error error = {0};

    snprintf(url, sizeof url, "%s/metrics", o->url);
    snprintf(path, sizeof path, "%s/ca.der", o->folder);
    office_check(
        o->ports.files.read(o->ports.files.ctx, path, authority, sizeof authority, &size, &error),
        &error, "reading its authority");
    rove_request request = {.method = "GET",
                            .url = url,
                            .ca_der = authority,
                            .ca_size = size,
                            .write_answer = office_hear_metrics,
                            .ctx = &said};
    office_check(rove_posix_transport_new(&transport, &o->ports.allocator), &error,
                 "the transport");
    office_check(transport.perform(transport.ctx, &request, &response, &error), &error,
                 "its metrics");
    rove_posix_transport_free(&transport);
    const char *at = strstr(said.text, "\nrove_database_memory_bytes ");
    if (at == NULL || sscanf(at, " rove_database_memory_bytes %lf", &bytes) != 1) {
        fprintf(stderr, "headquarters: its metrics do not tell of its database's memory\n");
        exit(2);
    }
    return bytes / 1048576;
}

/* From here on "VmHWM:" is the most that was resident since; what is resident now. */
static inline double office_memory_restart(void) {
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/clear_refs", (long)office_process);
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        (void)fputs("5", file);
        (void)fclose(file);
    }
    return office_memory_mib("VmRSS:");
}

typedef struct office_memory {
    double resident, database, growth, most; /* MiB */
} office_memory;

/* A process that has done nothing yet: at the same place, for the devices that know it. */
static inline office_memory office_memory_begin(office *o) {
    office_memory memory = {0};

    office_end();
    office_start(o);
    memory.database = office_database_mib(o);
    memory.resident = office_memory_restart();
    return memory;
}

/* How much it grew since, beside its database's caches, which only grow; and what those have. */
static inline void office_memory_end(office *o, office_memory *memory) {
    double database = office_database_mib(o);

    memory->most = office_memory_mib("VmHWM:");
    memory->growth = memory->most - memory->resident - (database - memory->database);
    memory->database = database;
}

#endif
