/*
 * processes/device.c - a rep with a device: what he writes, when he syncs, when his program is killed, and what he sees.
 *
 * One program at a time has the replica, but for `rove sync --watch`, which lets others have it in between: then nobody knows
 * what is seen, and only what adds up is written. After a sync, and after a write that was killed, the device is looked at: what it
 * shows is what the next writes have seen. A write that returned success must be seen, and one that was killed is either
 * there or was never made.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "world.h"

#define TEXT_MAX       6000
#define HANGS_AFTER_MS 60000

/* ---- programs --------------------------------------------------------------------------------------------- */

static void run(world *self, device *one, enum job job, const char *const arguments[]) {
    const char *words[CHILD_WORDS_MAX] = {self->rove, "--plain", "--replica", one->folder,
                                          "--json"};
    size_t count = 5;

    if (one->clock[0] != '\0') {
        words[count++] = "--clock-offset-ms";
        words[count++] = one->clock;
    }
    if (one->watcher.pid > 0) {
        words[count++] = "--wait";
        words[count++] = "30";
    }
    while (*arguments != NULL) {
        words[count++] = *arguments++;
    }
    (void)snprintf(one->program.output, sizeof one->program.output, "%s/%s.out", self->folder,
                   one->name);
    (void)snprintf(one->program.errors, sizeof one->program.errors, "%s/%s.log", self->folder,
                   one->name);
    one->job = child_start(&one->program, words) ? job : JOB_NONE;
}

/* So many percent of the programs are killed, at a moment within the time that they take; often towards its end. */
static void doom(world *self, device *one, unsigned percent, int64_t took_ms) {
    int least = chance_of(&one->luck, 50) ? (int)took_ms * 3 / 4 : 0;

    if (self->faults && chance_of(&one->luck, percent)) {
        one->program.kill_ms = now_ms() + chance_between(&one->luck, least, (int)took_ms + 2);
    }
}

void device_sync(world *self, device *one) {
    one->synced = 1;
    one->known = 0;
    run(self, one, JOB_SYNC, (const char *[]){"sync", NULL});
    doom(self, one, 12, one->took_ms[1]);
}

static void look(world *self, device *one) {
    static const char query[] =
        "SELECT 'a' AS k, external_id AS a, CAST(id AS TEXT) AS id, phone AS f0, website AS f1,"
        " billing_street AS f2, member_number AS f3, description AS f4, points AS n,"
        " (SELECT group_concat(t.value) FROM account_tag_ids e JOIN tag t ON t.id = e.element"
        " WHERE e.id = account.id) AS tags FROM account"
        " UNION ALL SELECT 't', '', CAST(id AS TEXT), subject, description, '', '', '', 0, ''"
        " FROM task"
        " UNION ALL SELECT 'x', '', CAST(id AS TEXT), text, '', '', '', '', 0, '' FROM note"
        " WHERE text LIKE '%%%s%%'"
        " UNION ALL SELECT 'x', '', CAST(id AS TEXT), purpose, '', '', '', '', 0, '' FROM visit"
        " WHERE purpose LIKE '%%%s%%'"
        " UNION ALL SELECT 'x', '', CAST(id AS TEXT), notes, '', '', '', '', 0, '' FROM visit"
        " WHERE notes LIKE '%%%s%%'"
        " UNION ALL SELECT 'x', '', CAST(c.id AS TEXT), last_name, '', '', '', '', 0, '' FROM"
        " contact c JOIN account_contact_role r ON r.contact_id = c.id WHERE last_name LIKE"
        " '%%%s%%'";
    char text[sizeof query + 4 * TOKEN_SIZE];
    char token[TOKEN_SIZE];

    token_write(one->doubtful != 0 ? one->doubtful : 999999, token);
    (void)snprintf(text, sizeof text, query, token, token, token, token);
    run(self, one, JOB_LOOK, (const char *[]){"sql", text, NULL});
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

/* A text with the token of the write, at times a long one. */
static void compose(device *one, unsigned number, char *out, size_t most) {
    size_t size = TOKEN_SIZE - 1;
    size_t wanted = chance_of(&one->luck, 10) ? chance_below(&one->luck, (unsigned)most) : 0;

    token_write(number, out);
    for (; size < wanted && size + 1 < most; size++) {
        out[size] = (char)('a' + chance_below(&one->luck, 26));
    }
    out[size] = '\0';
}

static unsigned begin(world *self, device *one, act what) {
    what.who = (int)(one - self->devices);
    what.restores = (int)self->totals.restores;
    one->act = ledger_add(&self->ledger, what);
    return one->act;
}

static int any_account(device *one) {
    unsigned first = chance_below(&one->luck, ACCOUNTS);

    for (unsigned i = 0; i < ACCOUNTS; i++) {
        int account = (int)((first + i) % ACCOUNTS);
        if (one->view.accounts[account].present) {
            return account;
        }
    }
    return -1;
}

static int any_task(device *one) {
    unsigned count = one->view.task_count;
    unsigned first = count > 0 ? chance_below(&one->luck, count) : 0;

    for (unsigned i = 0; i < count; i++) {
        if (one->view.tasks[(first + i) % count][0] != 0) {
            return (int)((first + i) % count);
        }
    }
    return -1;
}

static void write_account(world *self, device *one, const char *account, int where) {
    int field = (int)chance_below(&one->luck, ACCOUNT_FIELDS);
    char value[TEXT_MAX];
    size_t name = strlen(account_fields[field]);

    unsigned number = begin(self, one,
                            (act){.kind = ACT_ACCOUNT,
                                  .where = where,
                                  .field = field,
                                  .parent = one->view.accounts[where].shown[field]});
    (void)snprintf(value, sizeof value, "%s=", account_fields[field]);
    compose(one, number, value + name + 1, field == 4 ? 2000 : TOKEN_SIZE);
    run(self, one, JOB_WRITE, (const char *[]){"set", "Account", account, value, NULL});
}

static void write_points(world *self, device *one, const char *account, int where) {
    char value[40];
    int64_t amount = chance_between(&one->luck, -50, 1000);

    amount += amount == 0;
    (void)begin(self, one, (act){.kind = ACT_POINTS, .where = where, .amount = amount});
    (void)snprintf(value, sizeof value, "points+=%" PRId64, amount);
    run(self, one, JOB_WRITE, (const char *[]){"set", "Account", account, value, NULL});
}

/* A device adds and removes its own tag; one tag is added by all and removed by nobody. */
static void write_tag(world *self, device *one, const char *account, int where) {
    int common = chance_of(&one->luck, 30);
    int tag = common ? TAGS - 1 : (int)(one - self->devices);
    int there = (one->view.accounts[where].tags >> tag) & 1;
    char value[8];

    (void)begin(
        self, one,
        (act){.kind = ACT_TAG, .where = where, .field = tag, .amount = common || !there ? 1 : -1});
    (void)snprintf(value, sizeof value, "t%d", tag);
    run(self, one, JOB_WRITE,
        (const char *[]){"tag", common || !there ? "add" : "rm", "Account", account, value, NULL});
}

static void write_note(world *self, device *one, const char *account, int where) {
    char text[TEXT_MAX];

    compose(one, begin(self, one, (act){.kind = ACT_NOTE, .where = where}), text, TEXT_MAX);
    run(self, one, JOB_WRITE, (const char *[]){"note", "add", account, text, NULL});
}

static void write_contact(world *self, device *one, const char *account, int where) {
    char text[TOKEN_SIZE];

    token_write(begin(self, one, (act){.kind = ACT_CONTACT, .where = where}), text);
    run(self, one, JOB_WRITE,
        (const char *[]){"contact", "add", account, "--first", "Kim", "--last", text, NULL});
}

static void write_task(world *self, device *one, const char *account, int where) {
    char text[TOKEN_SIZE];
    int task = ledger_add_task(&self->ledger, (struct task){.account = where});

    self->ledger.tasks[task].insert = begin(self, one, (act){.kind = ACT_TASK, .where = task});
    token_write(one->act, text);
    run(self, one, JOB_WRITE, (const char *[]){"task", "add", account, text, NULL});
}

/* Edits one, or deletes it. */
static void work_on_task(world *self, device *one, int task) {
    char id[24];
    char value[TEXT_MAX];
    int field = (int)chance_below(&one->luck, TASK_FIELDS);
    const unsigned *shown = one->view.tasks[task];

    (void)snprintf(id, sizeof id, "%" PRId64, self->ledger.tasks[task].id);
    if (chance_of(&one->luck, 25)) {
        (void)begin(self, one,
                    (act){.kind = ACT_DELETE, .where = task, .seen = {shown[0], shown[1]}});
        run(self, one, JOB_WRITE, (const char *[]){"delete", "Task", id, NULL});
        return;
    }
    unsigned number = begin(
        self, one, (act){.kind = ACT_TASK, .where = task, .field = field, .parent = shown[field]});
    (void)snprintf(value, sizeof value, "%s=", task_fields[field]);
    compose(one, number, value + strlen(value), field == 0 ? TOKEN_SIZE : 1000);
    run(self, one, JOB_WRITE, (const char *[]){"set", "Task", id, value, NULL});
}

/* A visit begins, or the one that is open ends, which seals it. */
static void write_visit(world *self, device *one, const char *account, int where) {
    char id[24];
    char text[TEXT_MAX];

    if (one->visit == 0) {
        one->visit_account = where;
        one->visit_act = begin(self, one, (act){.kind = ACT_VISIT, .where = where});
        compose(one, one->visit_act, text, 200);
        run(self, one, JOB_WRITE,
            (const char *[]){"visit", "start", account, "--purpose", text, NULL});
        return;
    }
    (void)snprintf(id, sizeof id, "%" PRId64, one->visit);
    compose(one,
            begin(self, one,
                  (act){.kind = ACT_FINISH, .where = one->visit_account, .parent = one->visit_act}),
            text, TEXT_MAX);
    one->visit = 0;
    run(self, one, JOB_WRITE,
        (const char *[]){"visit", "finish", id, "--outcome", "Ordered", "--notes", text, NULL});
}

static void write_something(world *self, device *one) {
    static void (*const ways[])(world *, device *, const char *, int) = {
        write_account, write_account, write_account, write_points,  write_points, write_tag,
        write_note,    write_note,    write_task,    write_contact, write_visit,  write_visit};
    int where = any_account(one);
    int task = chance_of(&one->luck, 20) ? any_task(one) : -1;
    char account[16];

    if (one->visit != 0 && !one->view.accounts[one->visit_account].present) {
        one->visit = 0; /* the account went to somebody else, and the open visit with it */
    }
    (void)snprintf(account, sizeof account, "a%d", where);
    if (task >= 0) {
        work_on_task(self, one, task);
    } else if (where >= 0) {
        ways[chance_below(&one->luck, sizeof ways / sizeof ways[0])](self, one, account, where);
    }
    if (one->job == JOB_WRITE) {
        doom(self, one, 10, one->took_ms[0]);
    }
}

/* ---- watching ---------------------------------------------------------------------------------------------- */

static void start_watching(world *self, device *one) {
    const char *words[CHILD_WORDS_MAX] = {self->rove, "--plain", "--replica", one->folder,
                                          "--json"};
    size_t count = 5;

    if (one->clock[0] != '\0') {
        words[count++] = "--clock-offset-ms";
        words[count++] = one->clock;
    }
    words[count++] = "--wait";
    words[count++] = "30";
    words[count++] = "sync";
    words[count++] = "--watch";
    (void)snprintf(one->watcher.output, sizeof one->watcher.output, "%s/%s.watch", self->folder,
                   one->name);
    (void)snprintf(one->watcher.errors, sizeof one->watcher.errors, "%s/%s.log", self->folder,
                   one->name);
    one->watch_ms = now_ms() + chance_between(&one->luck, 500, 4000);
    self->totals.watches += (unsigned)child_start(&one->watcher, words);
}

/* What adds up needs no look at what is there. */
static void write_meanwhile(world *self, device *one) {
    static void (*const ways[])(world *, device *, const char *, int) = {write_points, write_note,
                                                                         write_contact};
    int where = any_account(one);
    char account[16];

    (void)snprintf(account, sizeof account, "a%d", where);
    if (where >= 0) {
        ways[chance_below(&one->luck, 3)](self, one, account, where);
    }
}

static void watch_ended(world *self, device *one) {
    char *printed = child_printed(&one->watcher);

    for (const char *at = printed; at != NULL && (at = strstr(at, "\"why\":\"news\"")) != NULL;
         at++) {
        self->totals.news++;
    }
    /* It may be asked to end before it listens to that. */
    int asked = WIFSIGNALED(one->watcher.status) && WTERMSIG(one->watcher.status) == SIGTERM;
    if (!one->watcher.killed && !asked && child_code(&one->watcher) != 0) {
        wrong(self, "%s: a watcher ended with exit code %d: %.300s", one->name,
              child_code(&one->watcher), printed != NULL ? printed : "");
    }
    free(printed);
    one->synced = 1;
    one->known = 0;
}

/* Asked to end, or killed, when its time is over. */
static void look_after_watcher(world *self, device *one, int work) {
    if (one->watcher.pid > 0 && (!work || now_ms() >= one->watch_ms)) {
        child_kill(&one->watcher, chance_of(&one->luck, 30) ? SIGKILL : SIGTERM);
        one->watch_ms = INT64_MAX;
    }
    if (child_ended(&one->watcher)) {
        watch_ended(self, one);
    }
}

/* ---- what came of it ---------------------------------------------------------------------------------------- */

static void need_tasks(device *one, unsigned count) {
    if (one->view.task_count < count) {
        unsigned capacity = count + 256;
        one->view.tasks = realloc(one->view.tasks, capacity * sizeof one->view.tasks[0]);
        if (one->view.tasks == NULL) {
            abort();
        }
        memset(one->view.tasks + one->view.task_count, 0,
               (capacity - one->view.task_count) * sizeof one->view.tasks[0]);
        one->view.task_count = capacity;
    }
}

/* The device shows it from now on. */
static void show(world *self, device *one, const act *done, unsigned number) {
    unsigned *tags = &one->view.accounts[0].tags;

    switch (done->kind) {
    case ACT_ACCOUNT:
        one->view.accounts[done->where].shown[done->field] = number;
        break;
    case ACT_POINTS:
        one->view.accounts[done->where].points += done->amount;
        break;
    case ACT_TAG:
        tags = &one->view.accounts[done->where].tags;
        *tags = done->amount > 0 ? *tags | 1u << done->field : *tags & ~(1u << done->field);
        break;
    case ACT_TASK:
        need_tasks(one, self->ledger.task_count);
        one->view.tasks[done->where][done->field] = number;
        break;
    case ACT_DELETE:
        one->view.tasks[done->where][0] = one->view.tasks[done->where][1] = 0;
        break;
    default:
        break;
    }
}

static int64_t printed_id(const char *printed) {
    json_t *answer = printed != NULL ? json_loads(printed, 0, NULL) : NULL;
    int64_t id = json_integer_value(json_object_get(answer, "id"));

    json_decref(answer);
    return id;
}

static void write_ended(world *self, device *one) {
    act *done = &self->ledger.acts[one->act];
    int code = child_code(&one->program);
    char *printed = child_printed(&one->program);

    if (code == 0) {
        done->state = ACT_OK;
        self->totals.writes++;
        show(self, one, done, one->act);
        if (done->kind == ACT_TASK && self->ledger.tasks[done->where].id == 0) {
            self->ledger.tasks[done->where].id = printed_id(printed);
        }
        if (done->kind == ACT_VISIT) {
            one->visit = printed_id(printed);
        }
    } else if (one->watcher.pid > 0 && code == 3) {
        done->state = ACT_NOT; /* the account has gone to somebody else meanwhile */
    } else if (one->program.killed) {
        one->doubtful = one->act;
        one->known = 0;
        self->totals.write_kills++;
    } else {
        done->state = ACT_NOT;
        wrong(self, "%s: a write was refused with exit code %d: %.300s", one->name, code,
              printed != NULL ? printed : "");
    }
    free(printed);
}

/* What a sync may say while the network misbehaves; a record whose version was changed looks like no TLS (NOT_ROVE). */
static int is_fine(const char *status) {
    static const char *const fine[] = {"OK",  "NETWORK", "TIMEOUT", "TRUNCATED",
                                       "TLS", "LATER",   "SERVER",  "NOT_ROVE"};

    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        if (strcmp(fine[i], status) == 0) {
            return 1;
        }
    }
    return 0;
}

static void sync_ended(world *self, device *one) {
    char *printed = child_printed(&one->program);
    json_t *said = printed != NULL ? json_loads(printed, 0, NULL) : NULL;
    json_t *error = json_object_get(said, "error");
    const char *status = json_string_value(json_object_get(error, "status"));

    one->changes = (unsigned)(json_integer_value(json_object_get(said, "rows_pushed")) +
                              json_integer_value(json_object_get(said, "rows_applied")) +
                              json_integer_value(json_object_get(said, "rows_removed")));
    one->verified = json_is_true(json_object_get(said, "verified"));
    (void)snprintf(one->said, sizeof one->said, "%s",
                   status != NULL                   ? status
                   : child_code(&one->program) == 0 ? "OK"
                                                    : "none");
    self->totals.syncs++;
    if (one->program.killed) {
        self->totals.sync_kills++;
    } else if (!is_fine(one->said)) {
        wrong(self, "%s: a sync ended with %s, exit code %d: %.300s", one->name, one->said,
              child_code(&one->program),
              json_string_value(json_object_get(error, "message")) != NULL
                  ? json_string_value(json_object_get(error, "message"))
                  : "");
    }
    self->totals.syncs_failed += strcmp(one->said, "OK") != 0;
    self->totals.flips_noticed += strcmp(one->said, "TLS") == 0;
    json_decref(said);
    free(printed);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

static const char *text_of(json_t *row, const char *name) {
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static int64_t number_of(json_t *row, const char *name) {
    return strtoll(text_of(row, name), NULL, 10);
}

static void see_account(json_t *row, view *seen) {
    static const char *const names[ACCOUNT_FIELDS] = {"f0", "f1", "f2", "f3", "f4"};
    int account = atoi(text_of(row, "a") + 1);

    if (account < 0 || account >= ACCOUNTS) {
        return;
    }
    seen->accounts[account].present = 1;
    for (int i = 0; i < ACCOUNT_FIELDS; i++) {
        seen->accounts[account].shown[i] = token_in(text_of(row, names[i]));
    }
    seen->accounts[account].points = json_integer_value(json_object_get(row, "n"));
    for (const char *at = text_of(row, "tags"); (at = strchr(at, 't')) != NULL; at++) {
        seen->accounts[account].tags |= 1u << atoi(at + 1);
    }
}

/* A task whose program was killed before it told the id is known by its first subject. */
static void see_task(world *self, device *one, json_t *row) {
    unsigned subject = token_in(text_of(row, "f0"));
    int task = ledger_task_of(&self->ledger, number_of(row, "id"));

    if (task < 0 && subject != 0 && self->ledger.acts[subject].kind == ACT_TASK) {
        task = self->ledger.acts[subject].where;
        self->ledger.tasks[task].id = number_of(row, "id");
    }
    if (task >= 0) {
        one->view.tasks[task][0] = subject;
        one->view.tasks[task][1] = token_in(text_of(row, "f1"));
    }
}

/* Whether the write that was killed is there; `before` is what the device showed before it, with the same headquarters. */
static int was_done(const device *one, const act *doubt, unsigned number, const view *before,
                    int found) {
    switch (doubt->kind) {
    case ACT_ACCOUNT:
        return one->view.accounts[doubt->where].shown[doubt->field] == number;
    case ACT_POINTS:
        return one->view.accounts[doubt->where].points != before->accounts[doubt->where].points;
    case ACT_TAG:
        return one->view.accounts[doubt->where].tags != before->accounts[doubt->where].tags;
    case ACT_TASK:
        return one->view.tasks[doubt->where][doubt->field] == number;
    case ACT_DELETE:
        return one->view.tasks[doubt->where][0] == 0;
    default:
        return found;
    }
}

/* Without a sync in between a device shows what it showed, and what was written on it. */
static void compare(world *self, const device *one, const view *before) {
    for (int i = 0; i < ACCOUNTS; i++) {
        if (memcmp(&one->view.accounts[i], &before->accounts[i], sizeof before->accounts[i]) != 0) {
            wrong(self, "%s: account a%d is not as it was left, without a sync in between",
                  one->name, i);
        }
    }
    for (unsigned i = 0; i < before->task_count; i++) {
        if (memcmp(one->view.tasks[i], before->tasks[i], sizeof before->tasks[i]) != 0) {
            wrong(self, "%s: task %u is not as it was left, without a sync in between", one->name,
                  i);
        }
    }
}

static void judge_doubt(world *self, device *one, view *before, int64_t found) {
    act *doubt = &self->ledger.acts[one->doubtful];
    int done = was_done(one, doubt, one->doubtful, before, found != 0);

    doubt->state = done ? ACT_OK : ACT_NOT;
    self->totals.doubts += (unsigned)done;
    if (done) {
        view now = one->view;
        one->view = *before;
        show(self, one, doubt, one->doubtful);
        *before = one->view;
        one->view = now;
    }
    if (doubt->kind == ACT_VISIT && done) {
        one->visit = found;
    }
    one->doubtful = 0;
}

static void look_ended(world *self, device *one) {
    char *printed = child_printed(&one->program);
    json_t *rows = printed != NULL ? json_loads(printed, 0, NULL) : NULL;
    view before = one->view;
    int64_t found = 0;
    json_t *row = NULL;
    size_t at = 0;

    free(printed);
    if (!json_is_array(rows)) {
        wrong(self, "%s: the replica cannot be read, exit code %d", one->name,
              child_code(&one->program));
        json_decref(rows);
        return;
    }
    one->view = (view){.task_count = 0};
    need_tasks(one, self->ledger.task_count > before.task_count ? self->ledger.task_count
                                                                : before.task_count);
    json_array_foreach(rows, at, row) {
        if (text_of(row, "k")[0] == 'a') {
            see_account(row, &one->view);
        } else if (text_of(row, "k")[0] == 't') {
            see_task(self, one, row);
        } else {
            found = number_of(row, "id");
        }
    }
    json_decref(rows);
    if (one->doubtful != 0) {
        judge_doubt(self, one, &before, found);
    }
    if (!one->synced) {
        compare(self, one, &before);
    }
    free(before.tasks);
    one->synced = 0;
    one->known = 1;
}

/* ---- turns -------------------------------------------------------------------------------------------------- */

void device_init(world *self, int index) {
    device *one = &self->devices[index];
    static const char *const names[DEVICES] = {"jo-phone", "jo-tablet", "amy-phone"};

    (void)snprintf(one->name, sizeof one->name, "%s", names[index]);
    (void)snprintf(one->folder, sizeof one->folder, "%s/%s", self->folder, names[index]);
    one->user = index == 2;
    one->luck = chance_stream(self->seed, 10 + (uint64_t)index);
    one->took_ms[0] = one->took_ms[1] = 30;
    one->program.pipe = one->watcher.pipe = -1;
}

void device_free(device *one) {
    free(one->view.tasks);
}

int device_idle(const device *one) {
    return one->job == JOB_NONE && one->watcher.pid == 0;
}

static void note_time(device *one) {
    int64_t took_ms = now_ms() - one->program.started_ms;
    int64_t *kept_ms = &one->took_ms[one->job == JOB_SYNC];

    if (!one->program.killed && one->job != JOB_LOOK) {
        *kept_ms = (*kept_ms * 7 + took_ms) / 8;
    }
}

void device_turn(world *self, device *one, int work) {
    if (one->job != JOB_NONE && now_ms() - one->program.started_ms > HANGS_AFTER_MS) {
        wrong(self, "%s: a program hangs", one->name);
        child_kill(&one->program, SIGKILL);
    }
    if (one->job != JOB_NONE && child_ended(&one->program)) {
        enum job ended = one->job;
        note_time(one);
        one->job = JOB_NONE;
        if (ended == JOB_WRITE) {
            write_ended(self, one);
        } else if (ended == JOB_SYNC) {
            sync_ended(self, one);
        } else {
            look_ended(self, one);
        }
    }
    if (one->job == JOB_NONE) {
        look_after_watcher(self, one, work);
    }
    if (one->job != JOB_NONE) {
        return;
    }
    if (one->watcher.pid > 0) {
        if (work && one->watch_ms != INT64_MAX) {
            write_meanwhile(self, one);
        }
    } else if (!one->known && (work || one->doubtful != 0)) {
        look(self, one);
    } else if (work && chance_of(&one->luck, 25)) {
        device_sync(self, one);
    } else if (work && chance_of(&one->luck, 4)) {
        start_watching(self, one);
    } else if (work) {
        write_something(self, one);
        if (one->job == JOB_NONE) {
            device_sync(self, one);
        }
    }
}
