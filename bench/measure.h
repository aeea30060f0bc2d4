/*
 * bench/measure.h - times, medians, and a report of ratios against budgets.
 *
 * Figures of two contenders are taken in turns in one run, so that they share the machine's mood; a ratio counts,
 * never an absolute time. Each figure is the median of several runs.
 */
#ifndef ROVE_BENCH_MEASURE_H
#define ROVE_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEASURE_RUNS_MAX    9
#define MEASURE_FIGURES_MAX 48

static inline double measure_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline int measure_compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts `values`; the value below which `share` of them lie. */
static inline double measure_percentile(double *values, size_t count, double share) {
    qsort(values, count, sizeof *values, measure_compare);
    size_t at = (size_t)(share * (double)(count - 1) + 0.5);
    return count > 0 ? values[at] : 0;
}

typedef enum measure_bound {
    MEASURE_AT_LEAST,
    MEASURE_AT_MOST,
    MEASURE_REPORTED /* without a budget */
} measure_bound;

/* One line of the report. */
typedef struct measure_figure {
    char name[80];
    char unit[16];
    measure_bound bound;
    double budget;
    double runs[MEASURE_RUNS_MAX];
    size_t count;
} measure_figure;

typedef struct measure_report {
    measure_figure figures[MEASURE_FIGURES_MAX];
    size_t count;
} measure_report;

/* Adds one run's value to the figure of that name, which is made at its first value. */
static inline void measure_add(measure_report *report, const char *name, double value,
                               const char *unit, measure_bound bound, double budget) {
    measure_figure *figure = NULL;

    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->figures[i].name, name) == 0) {
            figure = &report->figures[i];
        }
    }
    if (figure == NULL && report->count < MEASURE_FIGURES_MAX) {
        figure = &report->figures[report->count++];
        memset(figure, 0, sizeof *figure);
        snprintf(figure->name, sizeof figure->name, "%s", name);
        snprintf(figure->unit, sizeof figure->unit, "%s", unit);
        figure->bound = bound;
        figure->budget = budget;
    }
    if (figure != NULL && figure->count < MEASURE_RUNS_MAX) {
        figure->runs[figure->count++] = value;
    }
}

static inline double measure_median(const measure_figure *figure) {
    double sorted[MEASURE_RUNS_MAX];
    memcpy(sorted, figure->runs, figure->count * sizeof *sorted);
    return measure_percentile(sorted, figure->count, 0.5);
}

static inline int measure_missed(const measure_figure *figure) {
    double value = measure_median(figure);
    return (figure->bound == MEASURE_AT_LEAST && value < figure->budget) ||
           (figure->bound == MEASURE_AT_MOST && value > figure->budget);
}

static inline void measure_print_json(const measure_report *report) {
    printf("{\"figures\":[");
    for (size_t i = 0; i < report->count; i++) {
        const measure_figure *figure = &report->figures[i];
        printf("%s\n{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"runs\":%zu",
               i == 0 ? "" : ",", figure->name, measure_median(figure), figure->unit,
               figure->count);
        if (figure->bound != MEASURE_REPORTED) {
            printf(",\"%s\":%.6g,\"met\":%s",
                   figure->bound == MEASURE_AT_LEAST ? "at_least" : "at_most", figure->budget,
                   measure_missed(figure) ? "false" : "true");
        }
        printf("}");
    }
    printf("\n]}\n");
}

static inline void measure_print_text(const measure_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        const measure_figure *figure = &report->figures[i];
        printf("%-58s %10.3f %-6s", figure->name, measure_median(figure), figure->unit);
        if (figure->bound != MEASURE_REPORTED) {
            printf("  %s %.4g%s", figure->bound == MEASURE_AT_LEAST ? ">=" : "<=", figure->budget,
                   measure_missed(figure) ? "   MISSED" : "");
        }
        printf("\n");
    }
}

/* How many budgets were missed. */
static inline int measure_misses(const measure_report *report) {
    int misses = 0;
    for (size_t i = 0; i < report->count; i++) {
        misses += measure_missed(&report->figures[i]);
    }
    return misses;
}

#endif
