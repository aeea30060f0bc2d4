/*
 * processes/office.c - headquarters: the process that serves, its deaths and restarts, and an operator at work.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

/* ---- serving ---------------------------------------------------------------------------------------------- */

static void start(world *self) {
    office *it = &self->office;
    const char *words[] = {self->hq,   "--data",      self->data, "serve",
                           "--listen", "127.0.0.1:0", NULL};

    it->program.output[0] = '\0';
    (void)snprintf(it->program.errors, sizeof it->program.errors, "%s/hq.log", self->folder);
    it->said_size = 0;
    it->stopping = 0;
    it->state = child_start(&it->program, words) ? OFFICE_STARTING : OFFICE_DOWN;
    it->kill_ms = INT64_MAX;
}

/* What it prints: where it listens, in the beginning. */
static void listen_to(world *self) {
    office *it = &self->office;
    ssize_t got = 0;

    while (it->program.pid > 0 && (got = read(it->program.pipe, it->said + it->said_size,
                                              sizeof it->said - 1 - it->said_size)) > 0) {
        it->said_size += (size_t)got;
        it->said[it->said_size] = '\0';
        const char *place = strstr(it->said, "listening on https://127.0.0.1:");
        if (place != NULL && strchr(place, '\n') != NULL && it->state == OFFICE_STARTING) {
            long port = strtol(strrchr(place, ':') + 1, NULL, 10);
            proxy_upstream(self->proxy, (uint16_t)port);
            it->state = OFFICE_UP;
            it->kill_ms =
                self->faults ? now_ms() + chance_between(&self->luck, 300, 5000) : INT64_MAX;
        }
        if (it->said_size == sizeof it->said - 1) {
            it->said_size = 0;
        }
    }
}

void office_kill(world *self) {
    if (self->office.program.pid > 0 && !self->office.program.killed) {
        child_kill(&self->office.program, SIGKILL);
        self->totals.office_kills++;
    }
}

void office_turn(world *self) {
    office *it = &self->office;

    listen_to(self);
    if (self->faults && now_ms() >= it->kill_ms) {
        it->kill_ms = INT64_MAX;
        office_kill(self);
    }
    if (child_ended(&it->program)) {
        int busy = it->state == OFFICE_STARTING && child_code(&it->program) == 4;
        proxy_upstream(self->proxy, 0);
        it->state = OFFICE_DOWN;
        if (!it->stopping && !it->program.killed && !busy) {
            wrong(self, "headquarters ended by itself, status %d", it->program.status);
        }
    }
    if (it->program.pid == 0 && !it->stopping) {
        start(self);
    }
}

void office_wait(world *self) {
    int64_t until_ms = now_ms() + 60000;

    self->office.stopping = 0;
    while (self->office.state != OFFICE_UP && now_ms() < until_ms) {
        world_turn(self);
    }
    if (self->office.state != OFFICE_UP) {
        wrong(self, "headquarters does not start");
    }
}

static void await_end(world *self) {
    self->office.stopping = 1;
    while (self->office.program.pid > 0) {
        world_turn(self);
    }
}

void office_stop(world *self) {
    office_wait(self);
    child_kill(&self->office.program, SIGTERM);
    await_end(self);
    if (child_code(&self->office.program) != 0) {
        wrong(self, "headquarters was asked to stop and ended with status %d",
              self->office.program.status);
    }
}

/* What devices have seen of the operators' writes that the backup lacks is on top of something, too. */
static void remember_replaced(world *self) {
    struct dirent *entry = NULL;
    char path[PATH_SIZE + 300] = "";
    char newest[300] = "";
    DIR *folder = opendir(self->data);

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, "hq.db.replaced-", 15) == 0 &&
            strcmp(entry->d_name, newest) > 0) {
            (void)snprintf(newest, sizeof newest, "%s", entry->d_name);
        }
    }
    (void)closedir(folder);
    (void)snprintf(path, sizeof path, "%s/%s", self->data, newest);
    check_parents(self, path);
}

void office_restore(world *self) {
    office_kill(self);
    await_end(self);
    if (world_run(self, NULL, self->hq, "--data", self->data, "restore", self->backup.path, NULL) !=
        0) {
        wrong(self, "the backup could not be put back");
    }
    remember_replaced(self);
    self->totals.restores++;
    self->backup.done = 0;
    memcpy(self->holders, self->backup.holders, sizeof self->holders);
    for (unsigned i = self->backup.acts; i < self->ledger.count; i++) {
        act *one = &self->ledger.acts[i];
        if (one->who == OPERATOR && one->state == ACT_OK) {
            one->state = ACT_MAYBE; /* "What operators did since is gone" */
        }
    }
    self->office.stopping = 0;
}

/* ---- the operator ------------------------------------------------------------------------------------------- */

/* Starts a command of rove-hq. */
static void command(world *self, const char *const arguments[]) {
    operator_ *it = &self->operator;
    const char *words[CHILD_WORDS_MAX] = {self->hq, "--data", self->data, "--json"};
    size_t count = 4;

    while (*arguments != NULL) {
        words[count++] = *arguments++;
    }
    (void)snprintf(it->program.output, sizeof it->program.output, "%s/operator", self->folder);
    (void)snprintf(it->program.errors, sizeof it->program.errors, "%s/operator.log", self->folder);
    it->busy = child_start(&it->program, words);
}

static void move(world *self) {
    operator_ *it = &self->operator;
    char account[16];

    if (!it->again) {
        it->moving = (int)chance_below(&self->luck, ACCOUNTS);
        it->to = (int)chance_below(&self->luck, USERS);
    }
    (void)snprintf(account, sizeof account, "a%d", it->moving);
    command(self,
            (const char *[]){"assign", logins[it->to], "--account", account, "--alone", NULL});
}

static void edit(world *self) {
    operator_ *it = &self->operator;
    int account = (int)chance_below(&self->luck, ACCOUNTS);
    int field = (int)chance_below(&self->luck, ACCOUNT_FIELDS);
    char which[16];
    char value[64];
    char token[TOKEN_SIZE];

    it->act = ledger_add(&self->ledger, (act){.kind = ACT_ACCOUNT,
                                              .who = OPERATOR,
                                              .where = account,
                                              .field = field,
                                              .restores = (int)self->totals.restores});
    token_write(it->act, token);
    (void)snprintf(which, sizeof which, "a%d", account);
    (void)snprintf(value, sizeof value, "%s=%s", account_fields[field], token);
    command(self, (const char *[]){"set", "account", which, value, NULL});
}

static void back_up(world *self) {
    operator_ *it = &self->operator;

    it->backing = 1;
    self->totals.backups++;
    (void)snprintf(self->backup.path, sizeof self->backup.path, "%s/backup-%u.db", self->folder,
                   self->totals.backups);
    self->backup.acts = self->ledger.count;
    memcpy(self->backup.holders, self->holders, sizeof self->holders);
    command(self, (const char *[]){"backup", self->backup.path, NULL});
}

/* Where headquarters was killed while it worked, nobody can know what became of a command. */
static void settle(world *self) {
    operator_ *it = &self->operator;
    int done = child_code(&it->program) == 0;

    it->busy = 0;
    if (it->act != 0) {
        self->ledger.acts[it->act].state = done ? ACT_OK : ACT_MAYBE;
        self->totals.edits += (unsigned)done;
    } else if (it->backing) {
        self->backup.done = done;
        it->again = !done;
    } else {
        it->again = !done;
        if (done) {
            self->holders[it->moving] = it->to;
            self->totals.moves++;
        }
    }
    if (!it->again) {
        it->act = 0;
        it->backing = 0;
        it->moving = -1;
    }
    it->next_ms = now_ms() + (self->faults ? chance_between(&self->luck, 20, 400) : 20);
}

void operator_turn(world *self) {
    operator_ *it = &self->operator;

    if (it->busy && child_ended(&it->program)) {
        settle(self);
    }
    if (it->busy || self->office.state != OFFICE_UP || now_ms() < it->next_ms ||
        (!self->faults && !it->again)) {
        return;
    }
    if (it->again ? it->backing : !self->backup.done && chance_of(&self->luck, 10)) {
        back_up(self);
    } else if (it->again || chance_of(&self->luck, 60)) {
        move(self);
    } else {
        edit(self);
    }
}
