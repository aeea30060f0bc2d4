/*
 * small/choice.c - exploring by fork(2) (choice.h).
 *
 * A process that chooses forks one child for each option but the last, waits for it, and goes on with the last one itself. So
 * each ends as one path, and says into a pipe how it went: when its program has returned, or from exit or a signal.
 */
#include "choice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"

typedef enum choosing { EXPLORING, DRAWING, REPEATING } choosing;

#define PROGRESS 1000 /* so many paths later a word about it */
#define USUAL    14   /* of sixteen draws of what mostly is 0 */

static struct {
    choosing how;
    choice_path path; /* so far */
    choice_path given;
    uint64_t dice;
    int pipe; /* to who counts; -1 */
} now;

static void must(int condition, const char *what) {
    if (!condition) {
        perror(what);
        _exit(2);
    }
}

/* Safe in a signal handler. */
static void report(int failed) {
    now.path.failed = (uint8_t)failed;
    if (now.pipe >= 0 && write(now.pipe, &now.path, sizeof now.path) != (ssize_t)sizeof now.path) {
        _exit(2);
    }
    now.pipe = -1;
}

static void leave_failed(void) {
    report(1);
    _exit(1);
}

static void leave_signalled(int number) {
    (void)number;
    leave_failed();
}

static void wait_for(pid_t child) {
    int how = 0;

    while (waitpid(child, &how, 0) < 0) {
        must(errno == EINTR, "waitpid");
    }
    /* Who counts is gone: nobody wants the rest. */
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGPIPE) {
        (void)raise(SIGPIPE);
    }
}

/* Chooses all options but the last in children. */
static int explore(int options) {
    for (int i = 0; i < options - 1; i++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            return i;
        }
        wait_for(child);
    }
    return options - 1;
}

static int draw(int options, int rarely) {
    int usual = rarely && dice(&now.dice) % 16 < USUAL;
    int chosen = usual ? 0 : (int)(dice(&now.dice) % (uint64_t)options);
    double each = (rarely ? (16 - USUAL) / 16.0 : 1.0) / options;

    now.path.stands_for /= each + (rarely && chosen == 0 ? USUAL / 16.0 : 0);
    return chosen;
}

static int take(int options, int rarely) {
    int depth = now.path.depth;
    int chosen = 0;

    must(depth < CHOICE_DEPTH_MAX && options > 0, "too many choices");
    if (depth < now.given.depth) {
        chosen = now.given.chosen[depth] < options ? now.given.chosen[depth] : options - 1;
    } else if (now.how == EXPLORING) {
        chosen = explore(options);
    } else if (now.how == DRAWING) {
        chosen = draw(options, rarely);
    }
    now.path.chosen[now.path.depth++] = (uint8_t)chosen;
    return chosen;
}

int choose(int options) {
    return take(options, 0);
}

int choose_rarely(int options) {
    return take(options, 1);
}

static void run(choice_program *program, void *ctx, int quiet) {
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGXCPU};
    const struct rlimit limit = {CHOICE_SECONDS, CHOICE_SECONDS + 5};

    if (quiet) {
        int nowhere = open("/dev/null", O_WRONLY);
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
    }
    (void)setrlimit(RLIMIT_CPU, &limit);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        (void)signal(signals[i], leave_signalled);
    }
    (void)atexit(leave_failed);
    program(ctx);
    (void)fflush(NULL);
    report(0);
    _exit(0);
}

/* One process, and all that it becomes, in a group of its own. */
static void start(choice_program *program, void *ctx, int stop, choice_result *result) {
    choice_path path;
    int ends[2];

    (void)fflush(NULL);
    must(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        (void)setpgid(0, 0);
        (void)close(ends[0]);
        now.pipe = ends[1];
        run(program, ctx, 1);
    }
    (void)setpgid(child, child);
    (void)close(ends[1]);
    while (read(ends[0], &path, sizeof path) == (ssize_t)sizeof path) {
        if (++result->paths % PROGRESS == 0) {
            fprintf(stderr, "  %llu ...\n", (unsigned long long)result->paths);
        }
        result->of += path.stands_for;
        if (path.failed && result->failed++ == 0) {
            result->first = path;
        }
        if (path.failed && stop) {
            (void)kill(-child, SIGKILL);
            break;
        }
    }
    (void)close(ends[0]);
    wait_for(child);
}

static void begin(choosing how, const choice_path *given, uint64_t seed) {
    memset(&now, 0, sizeof now);
    now.how = how;
    now.dice = seed;
    now.path.stands_for = 1;
    now.pipe = -1;
    if (given != NULL) {
        now.given = *given;
    }
}

choice_result choice_explore(choice_program *program, void *ctx, const choice_path *under) {
    choice_result result = {.paths = 0};

    begin(EXPLORING, under, 0);
    start(program, ctx, 0, &result);
    return result;
}

choice_result choice_draw(choice_program *program, void *ctx, uint64_t seed, uint64_t paths,
                          int stop) {
    choice_result result = {.paths = 0};

    for (uint64_t i = 0; i < paths && !(stop && result.failed > 0); i++) {
        begin(DRAWING, NULL, seed + i * UINT64_C(0xd1342543de82ef95));
        start(program, ctx, stop, &result);
    }
    result.of /= (double)(paths > 0 ? paths : 1);
    return result;
}

int choice_repeat(choice_program *program, void *ctx, const choice_path *path) {
    int how = 0;

    begin(REPEATING, path, 0);
    (void)fflush(NULL);
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        run(program, ctx, 0);
    }
    must(waitpid(child, &how, 0) == child, "waitpid");
    return !WIFEXITED(how) || WEXITSTATUS(how) != 0;
}

void choice_print(const choice_path *path, char text[4 * CHOICE_DEPTH_MAX + 1]) {
    text[0] = '\0';
    for (size_t i = 0; i < path->depth; i++) {
        size_t size = strlen(text);
        (void)snprintf(text + size, 5, i == 0 ? "%d" : ".%d", path->chosen[i]);
    }
}

int choice_parse(const char *text, choice_path *path) {
    memset(path, 0, sizeof *path);
    while (*text != '\0') {
        char *end = NULL;
        unsigned long chosen = strtoul(text, &end, 10);
        if (end == text || chosen > UINT8_MAX || path->depth == CHOICE_DEPTH_MAX ||
            (*end != '\0' && *end != '.')) {
            return 0;
        }
        path->chosen[path->depth++] = (uint8_t)chosen;
        text = *end == '.' ? end + 1 : end;
    }
    return path->depth > 0;
}
