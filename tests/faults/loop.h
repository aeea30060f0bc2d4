/*
 * faults/loop.h - the fault loop: a scenario is played again and again, and each time another one of its calls fails: the
 * first allocation, the second ..., until none is hit; then the same with the files. Once, and from then on for good.
 *
 *   fault_NAME [--only KIND]          every point; what continuous integration runs is a part of them: --points N,
 *                                     and with --places an allocation or a statement of each place in the program
 *   fault_NAME --at KIND:N[:for-good] one point, in this process: for a debugger
 *
 * Each point is a process of its own, in a folder of its own, that begins with the files that `prepare` left. It
 *   opens the scenario's world, arms the fault, acts
 *   once:      goes on with the same handles, without faults
 *   for good:  closes them with the fault still there, as an app that is ended; opens them again without faults
 *   and checks, which ends in agreement with headquarters; then nothing may be left of memory, SQLite's memory and files.
 * A power cut is a point too: power.h. What a point says when it fails is shown, and the others go on.
 */
#ifndef ROVE_TESTS_LOOP_H
#define ROVE_TESTS_LOOP_H

#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "arena_watch.h"
#include "heap.h"
#include "power.h"
#include "statement_watch.h"

#define LOOP_JOBS_MAX  16
#define LOOP_FILES_MAX 32
#define LOOP_SECONDS   120 /* a point that takes longer hangs */
#define LOOP_SHOWN     12  /* failures that are shown of a scenario */
#define LOOP_BROKEN    60  /* after so many failures the rest of a scenario is left out */
#define LOOP_MISSED    7   /* exit code of a point that no call reached */

#define LOOP_DEVICE_FOLDER "device"
#define LOOP_HQ_FOLDER     "hq"

/* Whose calls, and of what. */
typedef enum loop_kind {
    LOOP_MEMORY,
    LOOP_SQLITE,
    LOOP_FILES,
    LOOP_ROOM, /* the disk is full */
    LOOP_STATEMENTS,
    LOOP_HQ_MEMORY,
    LOOP_HQ_SQLITE,
    LOOP_HQ_FILES,
    LOOP_HQ_ROOM,
    LOOP_HQ_STATEMENTS,
    LOOP_POWER,
    LOOP_HQ_POWER,
    LOOP_KINDS
} loop_kind;

static const char *const loop_kind_names[LOOP_KINDS] = {
    "memory",           "sqlite-memory", "files",        "full-disk",     "statements", "hq-memory",
    "hq-sqlite-memory", "hq-files",      "hq-full-disk", "hq-statements", "power",      "hq-power"};

#define LOOP_DEVICE                                                                                \
    (1u << LOOP_MEMORY | 1u << LOOP_SQLITE | 1u << LOOP_FILES | 1u << LOOP_ROOM |                  \
     1u << LOOP_STATEMENTS)
#define LOOP_HQ                                                                                    \
    (1u << LOOP_HQ_MEMORY | 1u << LOOP_HQ_SQLITE | 1u << LOOP_HQ_FILES | 1u << LOOP_HQ_ROOM |      \
     1u << LOOP_HQ_STATEMENTS)
#define LOOP_CUTS    (1u << LOOP_POWER)
#define LOOP_HQ_CUTS (1u << LOOP_HQ_POWER)

typedef struct loop_scenario {
    const char *name;
    unsigned kinds;        /* bits of loop_kind */
    void (*prepare)(void); /* once: makes the files from which every point begins */
    void (*open)(void);    /* what acts; without faults */
    void (*act)(void);     /* with them; asserts that each status is one that is documented */
    void (*close)(void);   /* what is open */
    void (*check)(
        void); /* without faults: acts again where it has to, and asserts what was promised */
    void (*end)(void); /* closes and frees all; asserts that nothing leaked */
} loop_scenario;

typedef struct loop_point {
    loop_kind kind;
    int for_good;
    size_t n;
} loop_point;

static heap *loop_heaps[2]; /* the device's, headquarters' */
static loop_point loop_now; /* what is armed */
static size_t loop_calls;   /* that the point before counted */

/* ---- arming ---- */

static inline int loop_is_power(loop_kind kind) {
    return kind == LOOP_POWER || kind == LOOP_HQ_POWER;
}

static inline int loop_is_memory(loop_kind kind) {
    return kind == LOOP_MEMORY || kind == LOOP_HQ_MEMORY;
}

static inline faults *loop_faults(loop_kind kind) {
    if (kind == LOOP_STATEMENTS || kind == LOOP_HQ_STATEMENTS) {
        return &faults_steps;
    }
    return kind == LOOP_SQLITE || kind == LOOP_HQ_SQLITE ? &faults_memory : &faults_io;
}

static inline faults_place loop_place(loop_kind kind) {
    int there = (kind >= LOOP_HQ_MEMORY && kind <= LOOP_HQ_STATEMENTS) || kind == LOOP_HQ_POWER;

    return there ? FAULTS_HEADQUARTERS : FAULTS_DEVICE;
}

/* ---- places ---- */

#define LOOP_PLACES_MAX 8192
#define LOOP_FRAMES     9 /* of a call's stack, that tell one place from another */

static int loop_noting; /* 1: say of each call that comes from a new place which one it is */

/* Prints the number of a call if none came from this place before. */
static inline void loop_note(size_t call) {
    static uint64_t known[LOOP_PLACES_MAX * 2];
    void *frames[LOOP_FRAMES];
    uint64_t place = 0x9e3779b97f4a7c15u;
    int depth = backtrace(frames, LOOP_FRAMES);

    for (int i = 1; i < depth; i++) {
        place = (place ^ (uintptr_t)frames[i]) * 0xbf58476d1ce4e5b9u;
        place ^= place >> 29;
    }
    size_t at = (size_t)(place % (LOOP_PLACES_MAX * 2));
    while (known[at] != 0 && known[at] != place) {
        at = (at + 1) % (LOOP_PLACES_MAX * 2);
    }
    if (known[at] == 0) {
        known[at] = place;
        (void)printf("place %zu\n", call);
    }
}

/* Of these there are few enough places, and they are where what fails is told of. */
static inline int loop_has_places(loop_kind kind) {
    return loop_is_memory(kind) || kind == LOOP_STATEMENTS || kind == LOOP_HQ_STATEMENTS;
}

static inline void loop_arm(const loop_point *point) {
    loop_now = *point;
    if (loop_is_power(point->kind)) {
        power_start(point->n);
        power.place = loop_place(point->kind);
        power.only =
            point->kind == LOOP_POWER ? "/" LOOP_DEVICE_FOLDER "/" : "/" LOOP_HQ_FOLDER "/";
        power_cut_after(point->n);
    } else if (loop_is_memory(point->kind)) {
        heap *h = loop_heaps[loop_place(point->kind)];
        h->calls = 0;
        h->fail_at = point->n;
        h->persistent = point->for_good;
        h->note = loop_noting ? loop_note : NULL;
    } else {
        faults *f = loop_faults(point->kind);
        int room = point->kind == LOOP_ROOM || point->kind == LOOP_HQ_ROOM;
        faults_arm(f, point->n, point->for_good, room ? SQLITE_FULL : SQLITE_IOERR_WRITE);
        f->room_only = room;
        f->note = loop_noting ? loop_note : NULL;
        f->end = loop_place(point->kind);
    }
}

/* Nothing fails any more; 1 if the call came. */
static inline int loop_disarm(void) {
    const loop_point *point = &loop_now;

    if (loop_is_power(point->kind)) {
        return loop_calls >= point->n;
    }
    if (loop_is_memory(point->kind)) {
        heap *h = loop_heaps[loop_place(point->kind)];
        loop_calls = h->calls;
        h->fail_at = 0;
        h->note = NULL;
    } else {
        loop_calls = loop_faults(point->kind)->calls;
        faults_arm(&faults_io, 0, 0, 0);
        faults_arm(&faults_memory, 0, 0, 0);
        faults_arm(&faults_steps, 0, 0, 0);
    }
    return loop_calls >= point->n;
}

/* What is taken out of an arena fails like an allocation, though few of these take memory. */
static inline int loop_arena(void *ctx, const rove__arena *arena) {
    (void)ctx;
    return arena->allocator->resize == heap_resize && heap_fails(arena->allocator->ctx);
}

/* ---- the files of the world ---- */

typedef struct loop_file {
    char path[128];
    uint8_t *bytes;
    size_t size;
} loop_file;

static loop_file loop_files[LOOP_FILES_MAX];
static size_t loop_file_count;

static inline void loop_keep_file(const char *path) {
    loop_file *file = &loop_files[loop_file_count++];
    struct stat about;

    power_must(loop_file_count <= LOOP_FILES_MAX && strlen(path) < sizeof file->path);
    FILE *real = fopen(path, "rb");
    power_must(real != NULL && fstat(fileno(real), &about) == 0);
    memcpy(file->path, path, strlen(path) + 1);
    file->size = (size_t)about.st_size;
    file->bytes = malloc(file->size + 1);
    power_must(file->bytes != NULL && fread(file->bytes, 1, file->size, real) == file->size);
    (void)fclose(real);
}

/* Files one folder deep. */
static inline void loop_keep(const char *folder, int depth) {
    DIR *dir = opendir(folder);

    power_must(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[128];
        struct stat about;
        if (entry->d_name[0] == '.') {
            continue;
        }
        rove__text_format(path, sizeof path, "%s/%s", folder, entry->d_name);
        power_must(stat(path, &about) == 0);
        if (S_ISDIR(about.st_mode) && depth == 0) {
            loop_keep(path, 1);
        } else if (S_ISREG(about.st_mode)) {
            loop_keep_file(path);
        }
    }
    (void)closedir(dir);
}

static inline void loop_restore(void) {
    for (size_t i = 0; i < loop_file_count; i++) {
        const loop_file *file = &loop_files[i];
        char folder[128];
        memcpy(folder, file->path, sizeof folder);
        char *slash = strrchr(folder, '/');
        *slash = '\0';
        (void)mkdir(folder, 0700);
        FILE *real = fopen(file->path, "wb");
        power_must(real != NULL && fwrite(file->bytes, 1, file->size, real) == file->size);
        power_must(fclose(real) == 0 && chmod(file->path, 0600) == 0);
    }
}

/* Removes what is in a folder, and what is in the folders in it. */
static inline void loop_clear(const char *folder, int depth) {
    DIR *dir = opendir(folder);

    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        char path[256];
        rove__text_format(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (unlink(path) != 0 && depth < 2) {
            loop_clear(path, depth + 1);
            (void)rmdir(path);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

/* ---- a point ---- */

static inline size_t loop_open_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

static inline void loop_return_power(const loop_scenario *scenario) {
    scenario->close();
    if (power_is_off()) {
        power_return();
        (void)unlink(power.place == FAULTS_DEVICE ? LOOP_DEVICE_FOLDER "/replica.db-shm"
                                                  : LOOP_HQ_FOLDER "/hq.db-shm");
    }
    loop_calls = power.calls;
    power_end();
}

/* 1 if the fault was reached. */
static inline int loop_play(const loop_scenario *scenario, const loop_point *point) {
    size_t files = loop_open_files();

    loop_restore();
    scenario->open();
    loop_arm(point);
    scenario->act();
    if (loop_is_power(point->kind)) {
        loop_return_power(scenario);
    } else if (point->for_good) {
        scenario->close();
    }
    int hit = loop_disarm();
    if (loop_is_power(point->kind) || point->for_good) {
        scenario->open();
    }
    scenario->check();
    scenario->close();
    scenario->end();
    if (sqlite3_memory_used() != 0 || loop_open_files() != files) {
        (void)printf("left behind: %lld bytes of SQLite's memory, %d files\n",
                     (long long)sqlite3_memory_used(), (int)(loop_open_files() - files));
        abort();
    }
    return hit;
}

/* cmocka shows what an assertion says of a test alone. */
static const loop_scenario *loop_played;
static int loop_was_hit;

static inline void loop_test(void **state) {
    const loop_point point = loop_now;

    (void)state;
    loop_was_hit = loop_play(loop_played, &point);
}

/* Plays a point; -1: an assertion failed. */
static inline int loop_tell(const loop_scenario *scenario, const loop_point *point) {
    const struct CMUnitTest test[] = {cmocka_unit_test(loop_test)};

    loop_played = scenario;
    loop_now = *point;
    return cmocka_run_group_tests(test, NULL, NULL) == 0 ? loop_was_hit : -1;
}

typedef struct loop_slot {
    pid_t pid;
    loop_point point;
    char folder[32];
} loop_slot;

typedef struct loop_run {
    const loop_scenario *scenario;
    loop_slot slots[LOOP_JOBS_MAX];
    size_t jobs, busy;
    size_t hit[LOOP_KINDS][2];
    size_t failed;
    int missed; /* a point of this kind that no call reached: there is no further one */
    size_t points;
    int by_place; /* once: the first call of each place, and not some of all calls */
    size_t places[LOOP_PLACES_MAX];
    size_t place_count;
    loop_kind only; /* LOOP_KINDS: all */
} loop_run;

static inline void loop_child(loop_run *run, loop_slot *slot) {
    int out = -1;

    (void)mkdir(slot->folder, 0700);
    power_must(chdir(slot->folder) == 0);
    loop_clear(".", 0);
    out = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);
    power_must(out >= 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2);
    (void)close(out);
    (void)alarm(LOOP_SECONDS);
    int hit = loop_tell(run->scenario, &slot->point);
    (void)printf("%zu calls\n", loop_calls);
    (void)fflush(stdout);
    exit(hit < 0 ? 1 : hit ? 0 : LOOP_MISSED);
}

static inline void loop_show(loop_run *run, const loop_slot *slot, int how) {
    char path[64];
    char text[4000];

    run->failed++;
    if (run->failed > LOOP_SHOWN) {
        return;
    }
    (void)printf("\n%s FAILED, %s %d: ./fault_%s --at %s:%zu%s\n", run->scenario->name,
                 WIFSIGNALED(how) ? "by signal" : "exit",
                 WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how), run->scenario->name,
                 loop_kind_names[slot->point.kind], slot->point.n,
                 slot->point.for_good ? ":for-good" : "");
    (void)snprintf(path, sizeof path, "%s/said", slot->folder);
    FILE *said = fopen(path, "r");
    size_t size = said == NULL ? 0 : fread(text, 1, sizeof text - 1, said);
    text[size] = '\0';
    (void)printf("%s\n", text);
    if (said != NULL) {
        (void)fclose(said);
    }
}

static inline void loop_reap(loop_run *run) {
    int how = 0;
    pid_t pid = wait(&how);

    for (size_t i = 0; i < run->jobs; i++) {
        loop_slot *slot = &run->slots[i];
        if (pid > 0 && slot->pid == pid) {
            slot->pid = 0;
            run->busy--;
            if (WIFEXITED(how) && WEXITSTATUS(how) == 0) {
                run->hit[slot->point.kind][slot->point.for_good]++;
            } else if (WIFEXITED(how) && WEXITSTATUS(how) == LOOP_MISSED) {
                run->missed = 1;
            } else {
                loop_show(run, slot, how);
            }
        }
    }
}

static inline loop_slot *loop_free_slot(loop_run *run) {
    size_t at = 0;

    if (run->busy == run->jobs) {
        loop_reap(run);
    }
    while (run->slots[at].pid != 0) {
        at++;
    }
    return &run->slots[at];
}

static inline loop_slot *loop_start(loop_run *run, const loop_point *point) {
    loop_slot *slot = loop_free_slot(run);

    slot->point = *point;
    (void)fflush(stdout);
    slot->pid = fork();
    power_must(slot->pid >= 0);
    if (slot->pid == 0) {
        loop_child(run, slot);
    }
    run->busy++;
    return slot;
}

/* How many calls there are when none fails. */
static inline size_t loop_count(loop_run *run, loop_point point) {
    char path[64];
    char line[256];
    size_t calls = 0;

    point.n = (size_t)1 << 40;
    loop_noting = run->by_place && loop_has_places(point.kind);
    loop_slot *slot = loop_start(run, &point);
    loop_noting = 0;
    run->place_count = 0;
    while (run->busy > 0) {
        loop_reap(run);
    }
    (void)snprintf(path, sizeof path, "%s/said", slot->folder);
    FILE *said = fopen(path, "r");
    while (said != NULL && fgets(line, sizeof line, said) != NULL) {
        if (strncmp(line, "place ", 6) == 0 && run->place_count < LOOP_PLACES_MAX) {
            run->places[run->place_count++] = (size_t)strtoull(line + 6, NULL, 10);
        }
        calls = (size_t)strtoull(line, NULL, 10); /* the last line's */
    }
    power_must(said != NULL && fclose(said) == 0);
    return calls;
}

/* `calls` there are, of which `run->points` are to be failed. */
static inline void loop_kind_run(loop_run *run, loop_kind kind, int for_good, size_t calls) {
    loop_point point = {kind, for_good, 1};
    size_t stride = 1;

    if (run->points != 0) {
        stride = calls < run->points ? 1 : (calls + run->points - 1) / run->points;
        /* Another part in every scenario. */
        for (const char *c = run->scenario->name; *c != '\0'; c++) {
            point.n += (size_t)*c;
        }
        point.n = 1 + point.n % stride;
    }
    run->missed = 0;
    if (run->by_place && !for_good && loop_has_places(kind)) {
        for (size_t i = 0; i < run->place_count && run->failed < LOOP_BROKEN; i++) {
            point.n = run->places[i];
            (void)loop_start(run, &point);
        }
        run->missed = 1;
    }
    for (; !run->missed && run->failed < LOOP_BROKEN; point.n += stride) {
        (void)loop_start(run, &point);
    }
    while (run->busy > 0) {
        loop_reap(run);
    }
}

static inline int loop_all(loop_run *run) {
    size_t all = 0;

    for (loop_kind kind = 0; kind < LOOP_KINDS; kind++) {
        size_t failed = run->failed;
        if ((run->scenario->kinds >> kind & 1) == 0 ||
            (run->only != LOOP_KINDS && run->only != kind)) {
            continue;
        }
        size_t calls = run->points == 0 ? 0 : loop_count(run, (loop_point){.kind = kind});
        loop_kind_run(run, kind, 0, calls);
        if (!loop_is_power(kind)) {
            loop_kind_run(run, kind, 1, calls);
        }
        (void)printf("%-18s %-18s %7zu once %7zu for good%s\n", run->scenario->name,
                     loop_kind_names[kind], run->hit[kind][0], run->hit[kind][1],
                     run->failed > failed ? "  FAILED" : "");
        (void)fflush(stdout);
        all += run->hit[kind][0] + run->hit[kind][1];
        if (run->hit[kind][0] == 0) {
            (void)printf("%s: no call of '%s' was reached\n", run->scenario->name,
                         loop_kind_names[kind]);
            run->failed++;
        }
    }
    (void)printf("%-18s %zu points, %zu failed\n", run->scenario->name, all, run->failed);
    return run->failed == 0 ? 0 : 1;
}

/* ---- the program ---- */

static inline int loop_kind_named(const char *name, loop_kind *kind) {
    *kind = 0;
    while (*kind < LOOP_KINDS && strcmp(loop_kind_names[*kind], name) != 0) {
        (*kind)++;
    }
    return *kind < LOOP_KINDS;
}

/* "files:17:for-good" */
static inline int loop_parse(const char *text, loop_point *point) {
    for (loop_kind kind = 0; kind < LOOP_KINDS; kind++) {
        size_t size = strlen(loop_kind_names[kind]);
        char *end = NULL;
        if (strncmp(text, loop_kind_names[kind], size) == 0 && text[size] == ':') {
            *point = (loop_point){kind, 0, (size_t)strtoull(text + size + 1, &end, 10)};
            point->for_good = strcmp(end, ":for-good") == 0;
            return point->n > 0;
        }
    }
    return 0;
}

static char loop_folder[64];
static pid_t loop_owner;

/* At exit, also when an assertion of `prepare` fails; not of a point's process. */
static inline void loop_leave_folder(void) {
    if (getpid() == loop_owner && chdir("/") == 0) {
        loop_clear(loop_folder, 0);
        (void)rmdir(loop_folder);
    }
}

/* A folder in memory where the system has one: nobody has to wait for a disk. It goes with the program. */
static inline void loop_enter_folder(void) {
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    (void)snprintf(loop_folder, sizeof loop_folder, "%s/rove-fault.XXXXXX", place);
    power_must(mkdtemp(loop_folder) != NULL && chdir(loop_folder) == 0 &&
               mkdir("made", 0700) == 0 && chdir("made") == 0);
    loop_owner = getpid();
    power_must(atexit(loop_leave_folder) == 0);
}

static inline int loop_main(const loop_scenario *scenario, int argc, char **argv) {
    static loop_run run;
    const char *jobs = getenv("ROVE_JOBS");
    char root[] = __FILE__; /* of this folder's */
    loop_point point;

    *strstr(root, "/tests/faults/") = '\0';
    (void)setenv("ROVE_SOURCE_DIR", root, 0);

    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK ||
        sqlite3_vfs_register(sqlite3_vfs_find(FAULTS_VFS), 1) != SQLITE_OK) {
        return 1;
    }
    arena_watch = loop_arena;
    statement_watch = faults_statement;
    loop_enter_folder();
    scenario->prepare();
    loop_keep(".", 0);
    loop_clear(".", 0);
    if (argc == 3 && strcmp(argv[1], "--at") == 0 && loop_parse(argv[2], &point)) {
        int hit = loop_tell(scenario, &point);
        (void)printf("%s: %zu calls\n", hit > 0 ? "reached" : "not reached", loop_calls);
        return hit < 0 ? 1 : 0;
    }
    run.only = LOOP_KINDS;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--places") == 0) {
            run.by_place = 1;
            i--;
        } else if (i + 1 < argc && strcmp(argv[i], "--points") == 0) {
            run.points = (size_t)atoi(argv[i + 1]);
        } else if (i + 1 < argc && strcmp(argv[i], "--only") == 0 &&
                   loop_kind_named(argv[i + 1], &run.only)) {
            continue;
        } else {
            (void)printf(
                "usage: %s [--points N] [--places] [--only KIND] | --at KIND:N[:for-good]\n",
                argv[0]);
            return 2;
        }
    }
    run.scenario = scenario;
    run.jobs = jobs != NULL && atoi(jobs) > 0 ? (size_t)atoi(jobs) : 2;
    run.jobs = run.jobs > LOOP_JOBS_MAX ? LOOP_JOBS_MAX : run.jobs;
    for (size_t i = 0; i < LOOP_JOBS_MAX; i++) {
        (void)snprintf(run.slots[i].folder, sizeof run.slots[i].folder, "../slot%zu", i);
    }
    return loop_all(&run);
}

#endif
