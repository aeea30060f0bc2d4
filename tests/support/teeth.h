/*
 * support/teeth.h - tests of rules that have to show their teeth: each names the planted bugs (base/planted.h) with which
 * it must fail.
 *
 *     static const rule_test tests[] = {
 *         RULE(p05_causality_comes_before_clocks, ROVE_PLANT_P05_BLIND),
 *     };
 *     int main(int argc, char **argv) { return RULES_MAIN(tests, set_up, tear_down, argc, argv); }
 *
 * Without an argument the tests run as any other, with NAME that one alone. With --teeth each runs once more for
 * each of its bugs, in a process of its own, and it is a failure if it then passes; the last line says how many of how
 * many were noticed. One that hangs or crashes has noticed. RULE(name) alone has no bug planted yet.
 */
#ifndef ROVE_TESTS_TEETH_H
#define ROVE_TESTS_TEETH_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/planted.h"

#define TEETH_PLANTS_MAX 8
/* Processor seconds after which a planted bug counts as noticed: the test does not end. */
#define TEETH_SECONDS 60

typedef struct rule_test {
    const char *name;
    CMUnitTestFunction function;
    rove__plant plants[TEETH_PLANTS_MAX];
} rule_test;

#define RULE(function, ...)                                                                        \
    {                                                                                              \
#function, function, {                                                                     \
            __VA_ARGS__ + 0                                                                        \
        }                                                                                          \
    }

#ifdef ROVE_PLANTS
static inline const char *teeth_sentence(rove__plant plant) {
    static const char *const sentences[] = {"",
#define TEETH_SENTENCE(name, sentence) #name ": " sentence,
                                            ROVE_PLANT_TABLE(TEETH_SENTENCE)
#undef TEETH_SENTENCE
    };
    return sentences[plant];
}

/* 1 if the test fails with the bug. */
static inline int teeth_noticed(const rule_test *test, rove__plant plant, CMFixtureFunction set_up,
                                CMFixtureFunction tear_down) {
    const struct CMUnitTest one[] = {{test->name, test->function, set_up, tear_down, NULL}};
    const struct rlimit seconds = {TEETH_SECONDS, TEETH_SECONDS};
    int how = 0;

    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)setrlimit(RLIMIT_CPU, &seconds);
        rove__planted = plant;
        _exit(cmocka_run_group_tests(one, NULL, NULL) != 0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return !WIFEXITED(how) || WEXITSTATUS(how) != 0;
}

static inline int teeth_show(const rule_test *tests, size_t count, CMFixtureFunction set_up,
                             CMFixtureFunction tear_down) {
    int noticed = 0;
    int planted = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < TEETH_PLANTS_MAX && tests[i].plants[k] != ROVE_PLANT_NONE; k++) {
            int caught = teeth_noticed(&tests[i], tests[i].plants[k], set_up, tear_down);
            planted++;
            noticed += caught;
            printf("%-10s %s (%s)\n", caught ? "noticed" : "NOT NOTICED",
                   teeth_sentence(tests[i].plants[k]), tests[i].name);
        }
    }
    printf("%d of %d planted bugs noticed\n", noticed, planted);
    return noticed == planted ? 0 : 1;
}
#endif

static inline int rules_main(const rule_test *tests, size_t count, CMFixtureFunction set_up,
                             CMFixtureFunction tear_down, int argc, char **argv) {
    int failed = 0;

#ifdef ROVE_PLANTS
    if (argc > 1 && strcmp(argv[1], "--teeth") == 0) {
        return teeth_show(tests, count, set_up, tear_down);
    }
#endif
    for (size_t i = 0; i < count; i++) {
        const struct CMUnitTest one[] = {
            {tests[i].name, tests[i].function, set_up, tear_down, NULL}};
        if (argc < 2 || strcmp(argv[1], tests[i].name) == 0) {
            failed += cmocka_run_group_tests_name(tests[i].name, one, NULL, NULL) != 0;
        }
    }
    return failed != 0;
}
#define RULES_MAIN(tests, set_up, tear_down, argc, argv)                                           \
    rules_main((tests), sizeof(tests) / sizeof((tests)[0]), (set_up), (tear_down), (argc), (argv))

#endif
