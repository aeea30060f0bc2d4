/*
 * processes/main.c - real processes: `rove-hq serve` and three devices over TLS, with a network between them that misbehaves,
 * and with SIGKILL of either side. `./dev processes` runs it.
 *
 *     rove_processes [--seconds N] [--seed S] [--keep] [--plant NAME]
 *
 * A run goes in rounds. In each, for some seconds two reps write and sync on three devices (one of them with a wrong clock),
 * an operator edits accounts and passes them from rep to rep, connections are cut, and processes are killed; a backup is
 * made, and put back. Then the network is calm, everybody syncs until nothing moves, headquarters stops, and all that was
 * confirmed to anybody is looked for (check.c).
 *
 * The seed decides what is drawn; what meets what is a matter of time, so that a run does not come a second time.
 * The programs are $ROVE_BIN and $ROVE_HQ_BIN. Exit code: 0, or 1 if anything was wrong or some class of event never happened.
 * With --plant the programs have that bug in them (core/src/base/planted.h), and it is a failure if nothing is wrong then.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define ROUND_MS     6000 /* of a round, at least */
#define ROUND_WRITES 50   /* and so many writes, unless they take four times as long */
#define QUIET_TURNS  12
#define LATEST_FACTOR                                                                              \
    6 /* so many times the seconds asked for, if a class of event is missing until then */
#define LATEST_LEAST_S 240

/* ---- the world -------------------------------------------------------------------------------------------- */

static void on_struck(void *ctx, proxy_blow blow) {
    world *self = ctx;

    if (blow == PROXY_KILL_OFFICE) {
        office_kill(self);
        return;
    }
    unsigned first = chance_below(&self->luck, DEVICES);
    for (unsigned i = 0; i < DEVICES; i++) {
        device *one = &self->devices[(first + i) % DEVICES];
        if (one->job == JOB_SYNC && !one->program.killed) {
            child_kill(&one->program, SIGKILL);
            return;
        }
        if (one->watcher.pid > 0 && !one->watcher.killed) {
            child_kill(&one->watcher, SIGKILL);
            return;
        }
    }
}

static void on_wrong(void *ctx, const char *what) {
    wrong(ctx, "%s", what);
}

static void must(world *self, int code, const char *what) {
    if (code != 0) {
        wrong(self, "%s failed with exit code %d", what, code);
        exit(1);
    }
}

static void write_accounts(const char *path) {
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        abort();
    }
    (void)fputs("ExternalId,AccountNumber,Name,Phone,OwnerExternalId\n", file);
    for (int i = 0; i < ACCOUNTS; i++) {
        (void)fprintf(file, "a%d,A%d,Shop %d,555-%04d,%s\n", i, i, i, i, logins[i % USERS]);
    }
    (void)fclose(file);
}

/* An id as a program printed it. */
static int64_t id_in(json_t *answer, const char *name) {
    json_t *value = json_object_get(answer, name);
    int64_t id = json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                       : json_integer_value(value);
    json_decref(answer);
    return id;
}

static void make_office(world *self) {
    char path[PATH_SIZE + 32];
    char value[64];
    char set[64];

    must(self,
         world_run(self, NULL, self->hq, "--data", self->data, "init", "--name", "Acme", NULL),
         "init");
    for (int i = 0; i < USERS; i++) {
        self->users[i] =
            id_in(world_ask(self, self->hq, "--data", self->data, "--json", "users", "add",
                            logins[i], "--name", logins[i], "--external-id", logins[i], NULL),
                  "id");
    }
    (void)snprintf(path, sizeof path, "%s/accounts.csv", self->folder);
    write_accounts(path);
    must(self, world_run(self, NULL, self->hq, "--data", self->data, "import", path, NULL),
         "import");
    must(self,
         world_run(self, NULL, self->hq, "--data", self->data, "assign", "--by-owner", "--all",
                   NULL),
         "assign");
    int64_t tag_set = id_in(world_ask(self, self->hq, "--data", self->data, "--json", "add",
                                      "tag_set", "name=Tags", NULL),
                            "id");
    (void)snprintf(set, sizeof set, "tag_set_id=%" PRId64, tag_set);
    for (int i = 0; i < TAGS; i++) {
        (void)snprintf(value, sizeof value, "value=t%d", i);
        must(self,
             world_run(self, NULL, self->hq, "--data", self->data, "add", "tag", set, value,
                       "label=Tag", NULL),
             "add tag");
    }
    for (int i = 0; i < ACCOUNTS; i++) {
        self->holders[i] = i % USERS;
    }
}

static void enrol(world *self, device *one) {
    char url[64];
    char offset[24];
    json_t *answer = world_ask(self, self->hq, "--data", self->data, "--json", "enroll-code",
                               "--user", logins[one->user], NULL);
    const char *code = json_string_value(json_object_get(answer, "invitation"));

    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u", (unsigned)proxy_port(self->proxy));
    (void)snprintf(offset, sizeof offset, "%s", one->clock[0] != '\0' ? one->clock : "0");
    one->replica = id_in(world_ask(self, self->rove, "--plain", "--replica", one->folder, "--json",
                                   "--clock-offset-ms", offset, "enroll", url, code, NULL),
                         "replica");
    json_decref(answer);
    if (one->replica == 0) {
        wrong(self, "%s could not be enrolled", one->name);
        exit(1);
    }
}

/* Days by which a clock is off: 1970, forty days either way, 2100. */
static void set_clock(world *self, device *one) {
    static const int64_t days[] = {-20000, -40, 40, 27000};
    (void)snprintf(one->clock, sizeof one->clock, "%" PRId64,
                   days[chance_below(&self->luck, 4)] * 86400000);
}

static void set_up(world *self) {
    const char *place = getenv("TMPDIR");

    (void)snprintf(self->folder, sizeof self->folder, "%s/rove-processes.XXXXXX",
                   place != NULL ? place : "/tmp");
    self->ends = child_ends();
    self->luck = chance_stream(self->seed, 2);
    self->proxy = proxy_new(self->seed, (proxy_events){on_struck, on_wrong, self});
    if (mkdtemp(self->folder) == NULL || self->ends < 0 || self->proxy == NULL) {
        perror("rove_processes");
        exit(1);
    }
    (void)snprintf(self->data, sizeof self->data, "%s/hq", self->folder);
    ledger_init(&self->ledger);
    self->office.stopping = 1;
    self->office.kill_ms = INT64_MAX;
    self->office.program.pipe = -1;
    self->operator.program.pipe = - 1;
    self->operator.moving = - 1;
    make_office(self);
    office_wait(self);
    for (int i = 0; i < DEVICES; i++) {
        device_init(self, i);
        if (i == 1) {
            set_clock(self, &self->devices[i]);
        }
        enrol(self, &self->devices[i]);
    }
}

/* ---- a round ---------------------------------------------------------------------------------------------- */

static void work(world *self, int restore) {
    int64_t began_ms = now_ms();
    unsigned enough = self->totals.writes + ROUND_WRITES;

    self->faults = 1;
    proxy_calm(self->proxy, 0);
    self->operator.next_ms = 0;
    self->office.kill_ms = now_ms() + chance_between(&self->luck, 300, 5000);
    while (now_ms() < began_ms + ROUND_MS ||
           (now_ms() < began_ms + 4 * ROUND_MS && self->totals.writes < enough)) {
        for (int i = 0; i < DEVICES; i++) {
            device_turn(self, &self->devices[i], 1);
        }
        operator_turn(self);
        if (restore && self->totals.writes + ROUND_WRITES / 2 >= enough && self->backup.done &&
            !self->operator.busy) {
            office_restore(self);
            restore = 0;
        }
        world_turn(self);
    }
    self->faults = 0;
    self->office.kill_ms = INT64_MAX;
    proxy_calm(self->proxy, 1);
}

/* Until all programs have ended, headquarters serves, and no command is in doubt. */
static void settle(world *self) {
    int busy = 1;

    while (busy) {
        busy = self->operator.busy || self->operator.again || self->office.state != OFFICE_UP;
        operator_turn(self);
        for (int i = 0; i < DEVICES; i++) {
            device_turn(self, &self->devices[i], 0);
            busy |= !device_idle(&self->devices[i]);
        }
        if (busy) {
            self->operator.next_ms = self->operator.again ? now_ms() : INT64_MAX;
            world_turn(self);
        }
    }
    self->operator.next_ms = INT64_MAX;
}

/* An operator takes what waits for him. How many there were. */
static unsigned accept_reviews(world *self) {
    json_t *list =
        world_ask(self, self->hq, "--data", self->data, "--json", "review", "list", NULL);
    unsigned count = (unsigned)json_array_size(list);
    size_t at = 0;
    json_t *row = NULL;
    char text[32];

    if (list == NULL) {
        wrong(self, "the reviews cannot be listed");
    }
    json_array_foreach(list, at, row) {
        json_t *value = json_object_get(row, "number");
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        must(self,
             world_run(self, NULL, self->hq, "--data", self->data, "review", "accept",
                       json_is_string(value) ? json_string_value(value) : text, NULL),
             "review accept");
    }
    json_decref(list);
    self->totals.reviews += count;
    return count;
}

/* Everybody syncs until nothing moves any more. */
static void come_to_rest(world *self) {
    int moved = 1;

    for (int turn = 0; moved && turn < QUIET_TURNS; turn++) {
        moved = accept_reviews(self) > 0;
        for (int i = 0; i < DEVICES; i++) {
            device *one = &self->devices[i];
            device_sync(self, one);
            settle(self);
            if (strcmp(one->said, "OK") != 0 || one->changes > 0 || !one->verified) {
                moved = 1;
            }
            if (strcmp(one->said, "OK") != 0) {
                wrong(self, "%s: a sync failed though nothing disturbed it: %s", one->name,
                      one->said);
            }
        }
    }
    if (moved) {
        wrong(self, "it does not come to rest");
    }
}

static void report_round(const world *self) {
    const totals *t = &self->totals;
    printf("round %u: %u writes, %u syncs (%u failed), %u kills of headquarters, %u of devices, %u "
           "conflicts; %u writes checked\n",
           t->rounds, t->writes, t->syncs, t->syncs_failed, t->office_kills,
           t->write_kills + t->sync_kills, t->conflicts, t->checked);
    (void)fflush(stdout);
}

static void play_round(world *self) {
    self->totals.rounds++;
    work(self, self->totals.rounds % 4 == 1 || self->totals.restores == 0);
    settle(self);
    come_to_rest(self);
    office_stop(self);
    check_all(self);
    report_round(self);
    self->office.stopping = 0;
    office_wait(self);
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

/* Which classes of event never happened; prints all if `aloud`. */
static unsigned missing(const world *self, int aloud) {
    static const char *const sentences[] = {
#define BLOW_SENTENCE(name, sentence) "connections " sentence,
        PROXY_BLOW_TABLE(BLOW_SENTENCE)
#undef BLOW_SENTENCE
    };
    const proxy_counts *seen = proxy_counted(self->proxy);
    const totals *t = &self->totals;
    const struct {
        const char *what;
        unsigned count;
    } others[] = {{"connections delayed", seen->delayed},
                  {"connections in small pieces", seen->chopped},
                  {"connections throttled", seen->throttled},
                  {"connections turned away while headquarters was down", seen->turned_away},
                  {"syncs that ended with a TLS error", t->flips_noticed},
                  {"kills of headquarters", t->office_kills},
                  {"kills of a device that wrote", t->write_kills},
                  {"kills of a device that synced", t->sync_kills},
                  {"devices that watched while others wrote", t->watches},
                  {"accounts passed to a rep", t->moves},
                  {"edits by an operator", t->edits},
                  {"backups", t->backups},
                  {"restores", t->restores},
                  {"conflicts", t->conflicts}};
    unsigned none = 0;

    for (size_t i = 0; i < PROXY_BLOWS; i++) {
        none += seen->blows[i] == 0;
        if (aloud) {
            printf("%6u  %s\n", seen->blows[i], sentences[i]);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        none += others[i].count == 0;
        if (aloud) {
            printf("%6u  %s\n", others[i].count, others[i].what);
        }
    }
    return none;
}

static int finish(world *self, int keep) {
    unsigned none = missing(self, 1);
    const totals *t = &self->totals;
    char path[PATH_SIZE];

    printf("%6u  syncs because headquarters told of news\n"
           "%6u  writes that were killed and were done\n%6u  reviews accepted\n",
           t->news, t->doubts, t->reviews);
    printf("seed %" PRIu64 ": %u rounds in %" PRId64 " s, %u connections, %" PRIu64
           " KB, %u writes, %u checked, %u wrong\n",
           self->seed, t->rounds, (now_ms() - self->began_ms) / 1000,
           proxy_counted(self->proxy)->connections, proxy_counted(self->proxy)->bytes / 1000,
           t->writes, t->checked, self->wrong);
    if (none > 0) {
        printf("WRONG: %u classes of event never happened\n", none);
    }
    office_stop(self);
    (void)snprintf(path, sizeof path, "%s/ledger", self->folder);
    (void)ledger_save(&self->ledger, path);
    ledger_free(&self->ledger);
    for (int i = 0; i < DEVICES; i++) {
        device_free(&self->devices[i]);
    }
    if (keep || self->wrong > 0) {
        printf("everything is left in %s, with the ledger\n", self->folder);
    } else {
        world_run(self, NULL, "/bin/rm", "-rf", self->folder, NULL);
    }
    proxy_free(self->proxy);
    return self->wrong > 0 || none > 0;
}

typedef struct options {
    int64_t seconds;
    int keep;
    const char *plant;
} options;

static int read_options(world *self, options *told, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--keep") == 0) {
            told->keep = 1;
            continue;
        }
        if (value == NULL) {
            return 0;
        }
        if (strcmp(argv[i], "--seconds") == 0) {
            told->seconds = strtoll(value, NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            self->seed = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--plant") == 0) {
            told->plant = value;
        } else {
            return 0;
        }
        i++;
    }
    return self->rove != NULL && self->hq != NULL;
}

/* Rounds for so many seconds, then until no class of event is missing, but not for ever. */
static void run(world *self, int64_t seconds) {
    int64_t wanted_ms = self->began_ms + seconds * 1000;
    int64_t longest_s =
        seconds * LATEST_FACTOR > LATEST_LEAST_S ? seconds * LATEST_FACTOR : LATEST_LEAST_S;

    while (self->wrong == 0 &&
           (now_ms() < wanted_ms ||
            (missing(self, 0) > 0 && now_ms() < self->began_ms + longest_s * 1000))) {
        play_round(self);
    }
}

int main(int argc, char **argv) {
    static world self;
    options told = {.seconds = 60};

    self.began_ms = now_ms();
    self.rove = getenv("ROVE_BIN");
    self.hq = getenv("ROVE_HQ_BIN");
    self.seed = (uint64_t)self.began_ms;
    if (!read_options(&self, &told, argc, argv)) {
        fprintf(stderr, "usage: rove_processes [--seconds N] [--seed S] [--keep] [--plant NAME]\n"
                        "$ROVE_BIN and $ROVE_HQ_BIN name the programs\n");
        return 2;
    }
    printf("seed %" PRIu64 "\n", self.seed);
    if (told.plant != NULL && setenv("ROVE_PLANT", told.plant, 1) != 0) {
        return 2;
    }
    set_up(&self);
    run(&self, told.seconds);
    int failed = finish(&self, told.keep);
    if (told.plant == NULL) {
        return failed;
    }
    if (self.wrong > 0) {
        printf("%s was noticed after %" PRId64 " s\n", told.plant,
               (self.wrong_ms - self.began_ms + 999) / 1000);
    } else {
        printf("%s was NOT NOTICED\n", told.plant);
    }
    return self.wrong == 0;
}
