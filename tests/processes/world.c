/*
 * processes/world.c - the turns of everybody, and programs that are run to their end.
 */
#include "world.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MAX 128

const char *const logins[USERS] = {"jo", "amy"};

void wrong(world *self, const char *format, ...) {
    va_list words;

    if (self->wrong++ == 0) {
        self->wrong_ms = now_ms();
    }
    if (self->wrong <= 40) {
        printf("WRONG: ");
        va_start(words, format);
        (void)vprintf(format, words);
        va_end(words);
        printf("\n");
        (void)fflush(stdout);
    }
}

static void sooner(int64_t *due_ms, int64_t other_ms) {
    if (other_ms < *due_ms) {
        *due_ms = other_ms;
    }
}

void world_turn(world *self) {
    struct pollfd waits[POLL_MAX];
    char bytes[256];
    int64_t due_ms = now_ms() + 1000;
    size_t count = 0;

    waits[count++] = (struct pollfd){self->ends, POLLIN, 0};
    if (self->office.program.pid > 0) {
        waits[count++] = (struct pollfd){self->office.program.pipe, POLLIN, 0};
    }
    count += proxy_poll(self->proxy, waits + count, POLL_MAX - count);
    sooner(&due_ms, proxy_due_ms(self->proxy));
    sooner(&due_ms, self->office.kill_ms);
    sooner(&due_ms, self->operator.next_ms);
    for (int i = 0; i < DEVICES; i++) {
        if (self->devices[i].program.pid > 0) {
            sooner(&due_ms, self->devices[i].program.kill_ms);
        }
        if (self->devices[i].watcher.pid > 0) {
            sooner(&due_ms, self->devices[i].watch_ms);
        }
    }
    int64_t left_ms = due_ms - now_ms();
    (void)poll(waits, (nfds_t)count, left_ms < 0 ? 0 : (int)left_ms);
    while (read(self->ends, bytes, sizeof bytes) > 0) {
    }
    proxy_turn(self->proxy);
    office_turn(self);
}

static int run_words(world *self, char **printed, va_list words) {
    child program = {.pipe = -1};
    const char *argument[CHILD_WORDS_MAX] = {NULL};
    size_t count = 0;

    while (count + 1 < CHILD_WORDS_MAX && (argument[count] = va_arg(words, const char *)) != NULL) {
        count++;
    }
    (void)snprintf(program.output, sizeof program.output, "%s/asked", self->folder);
    (void)snprintf(program.errors, sizeof program.errors, "%s/asked.log", self->folder);
    if (!child_start(&program, argument)) {
        return -1;
    }
    while (!child_ended(&program)) {
        world_turn(self);
    }
    if (printed != NULL) {
        *printed = child_printed(&program);
    }
    return child_code(&program);
}

int world_run(world *self, char **printed, ...) {
    va_list words;

    va_start(words, printed);
    int code = run_words(self, printed, words);
    va_end(words);
    return code;
}

json_t *world_ask(world *self, ...) {
    char *printed = NULL;
    json_t *answer = NULL;
    va_list words;

    va_start(words, self);
    int code = run_words(self, &printed, words);
    va_end(words);
    if (code == 0 && printed != NULL) {
        answer = json_loads(printed, JSON_DECODE_ANY, NULL);
    }
    free(printed);
    return answer;
}
