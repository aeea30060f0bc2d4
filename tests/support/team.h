/*
 * support/team.h - a real headquarters, with its database and its commands, and the phones of its reps: the app's handle
 * at one end, `rove-hq` without its HTTP at the other. Headquarters' clock stands where headquarters.h has it; the
 * phones' clocks are right unless a test moves them.
 */
#ifndef ROVE_TESTS_TEAM_H
#define ROVE_TESTS_TEAM_H

#include "headquarters.h"
#include "phone.h"
#include "sync/server.h"

#define TEAM_PHONES_MAX 4

typedef struct team {
    headquarters h;
    said said;
    phone phones[TEAM_PHONES_MAX];
    size_t count;
    int64_t began_ms; /* when the first phone was made */
} team;

/* ---- commands ---- */

#define team_run(t, ...) headquarters_run(&(t)->h, &(t)->said, __VA_ARGS__, NULL)
#define team_does(t, ...)                                                                          \
    do {                                                                                           \
        if (team_run(t, __VA_ARGS__) != HQ_EXIT_DONE) {                                            \
            fail_msg("%s: %s", #__VA_ARGS__, (t)->said.err);                                       \
        }                                                                                          \
    } while (0)

/* "field=value" of text pieces, for an argument; a few at a time. */
static inline const char *team_text(const char *field, const char *value) {
    static char texts[8][256];
    static size_t at;
    char *text = texts[at++ % 8];

    (void)snprintf(text, sizeof texts[0], "%s=%s", field, value);
    return text;
}

static inline rove_id team_id(team *t, const char *entity, const char *external_id) {
    long long id = 0;

    team_does(t, "show", entity, external_id);
    assert_int_equal(sscanf(t->said.out, "%*s %lld", &id), 1);
    return id;
}

/* What `add` printed. */
static inline rove_id team_added(const team *t) {
    long long id = 0;

    assert_int_equal(sscanf(t->said.out, "%lld", &id), 1);
    return id;
}

/* ---- exchanges ---- */

typedef struct team_commit {
    team *t;
    rove__server *server;
} team_commit;

static inline rove_status team_commit_one(void *ctx, rove__hq_tx *tx, rove_error *error) {
    team_commit *self = ctx;

    return rove__server_commit(self->server, tx, hq_now_ms(self->t->h.hq), error);
}

static inline void team_serve(team *t, const phone *p, const rove__buf *body, rove__buf *answer) {
    rove__server_ports ports = hq_server_ports(t->h.hq);
    team_commit commit = {.t = t};
    uint8_t bytes[4096];
    size_t size = 1;
    rove_error error;

    assert_int_equal(
        rove__server_new(&ports, hq_policy(t->h.hq), p->number, hq_now_ms(t->h.hq), &commit.server),
        ROVE_OK);
    assert_int_equal(rove__server_receive(commit.server, body->data, body->size), ROVE_OK);
    assert_int_equal(rove__server_received(commit.server), ROVE_OK);
    while (rove__server_wants_commit(commit.server)) {
        assert_int_equal(hq_commit(t->h.hq, team_commit_one, &commit, &error), ROVE_OK);
    }
    while (size > 0) {
        assert_int_equal(rove__server_answer(commit.server, bytes, sizeof bytes, &size), ROVE_OK);
        rove__buf_append(answer, bytes, size);
    }
    rove__server_free(commit.server);
}

static inline rove_status team_route(phone *p, const rove_request *request, const rove__buf *body,
                                     rove__buf *answer) {
    if (strstr(request->url, "/v1/enroll") != NULL) {
        return phone_enrol(p, request, body, answer);
    }
    if (strstr(request->url, "/v1/renew") != NULL) {
        return phone_renew(p, body, answer);
    }
    team_serve(p->test, p, body, answer);
    return ROVE_OK;
}

/* ---- life ---- */

static inline team *team_start(void) {
    team *t = calloc(1, sizeof *t);

    assert_non_null(t);
    headquarters_start(&t->h);
    t->began_ms = hq_now_ms(t->h.hq);
    return t;
}

typedef struct team_device {
    team *t;
    rove__hq_device device;
} team_device;

static inline rove_status team_put_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    team_device *self = ctx;

    (void)error;
    return hq_database(self->t->h.hq)->store.device_put(tx, &self->device);
}

/* An enrolled phone of a user, with nothing on it yet. */
static inline phone *team_phone(team *t, const char *login) {
    char name[32];
    size_t at = t->count++;
    phone *p = &t->phones[at];

    assert_true(at < TEAM_PHONES_MAX);
    (void)snprintf(name, sizeof name, "team_phone_%zu", at);
    phone_prepare(p, name);
    p->now.wall_ms = t->began_ms;
    p->number = (rove_replica)(1000 + at);
    p->user = team_id(t, "user", login);
    p->until_ms = t->began_ms + 3000 * PHONE_DAY_MS;
    p->renew_after_ms = t->began_ms + 2000 * PHONE_DAY_MS;
    p->route = team_route;
    p->test = t;
    team_device made = {t,
                        {.replica = p->number,
                         .user = p->user,
                         .status = ROVE_DEVICE_ACTIVE,
                         .enrolled_ms = t->began_ms}};
    assert_int_equal(hq_commit(t->h.hq, team_put_device, &made, NULL), ROVE_OK);
    phone_open(p);
    phone_enroll(p);
    return p;
}

static inline void team_end(team *t) {
    for (size_t i = 0; i < t->count; i++) {
        phone_stop(&t->phones[i]);
    }
    headquarters_end(&t->h);
    free(t);
}

/* ---- phones ---- */

static inline rove_sync_report team_sync(phone *p) {
    rove_sync_report report;

    p->now.boot_ms += 1000;
    phone_ok(p, rove_sync(p->replica, NULL, &report, &p->error));
    return report;
}

/* Until headquarters and the replica agree, and nothing is left to send. */
static inline void team_settle(phone *p) {
    for (int i = 0; i < 4; i++) {
        rove_sync_report report = team_sync(p);
        if (report.verified && phone_state(p).pending == 0) {
            phone_ok(p, rove_verify(p->replica, NULL, &p->error));
            return;
        }
    }
    fail_msg("replica %u does not agree with headquarters", (unsigned)p->number);
}

/* How many rows of a table this phone has, or whose column is this text. */
static inline int64_t team_count(phone *p, const char *table) {
    char sql[128];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return phone_number(p, sql);
}

/* 1 if the phone shows the record. */
static inline int team_shows(phone *p, const char *table, rove_id id) {
    char sql[128];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE id = %lld", table,
                   (long long)id);
    return phone_number(p, sql) == 1;
}

/* Whether the bytes are anywhere in the files of its replica. */
static inline int team_file_has(const phone *p, const char *text) {
    DIR *folder = opendir(p->folder);
    int found = 0;

    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", p->folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        if (entry->d_name[0] == '.' || file == NULL) {
            if (file != NULL) {
                (void)fclose(file);
            }
            continue;
        }
        size_t size = 0;
        uint8_t *bytes = malloc((size_t)64 << 20);
        assert_non_null(bytes);
        size = fread(bytes, 1, (size_t)64 << 20, file);
        (void)fclose(file);
        for (size_t i = 0; i + strlen(text) <= size && !found; i++) {
            found = memcmp(bytes + i, text, strlen(text)) == 0;
        }
        free(bytes);
    }
    (void)closedir(folder);
    return found;
}

#endif
