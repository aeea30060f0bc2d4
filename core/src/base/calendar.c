/*
 * base/calendar.c - months and ISO 8601 text of instants, in the proleptic Gregorian calendar and UTC.
 *
 * Days to dates and back after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013): the
 * year begins in March, so that the leap day comes last; an era is 400 years of 146,097 days.
 */
#include "base/assert.h"
#include "base/stamp.h"
#include "base/text.h"

#define DAY_MS     INT64_C(86400000)
#define ERA_DAYS   146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */
#define YEAR_MIN   1
#define YEAR_MAX   9999

typedef struct date {
    int64_t year;
    int64_t month; /* 1 .. 12 */
    int64_t day;   /* 1 .. 31 */
} date;

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t days_of(date d) {
    int64_t year = d.month <= 2 ? d.year - 1 : d.year;
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t month = d.month > 2 ? d.month - 3 : d.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static date date_of(int64_t days) {
    int64_t shifted = days + EPOCH_DAYS;
    int64_t era = floor_divide(shifted, ERA_DAYS);
    int64_t day_of_era = shifted - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (ERA_DAYS - 1)) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    date d;

    d.day = day_of_year - (153 * month + 2) / 5 + 1;
    d.month = month < 10 ? month + 3 : month - 9;
    d.year = year_of_era + era * 400 + (d.month <= 2);
    return d;
}

int32_t rove__month_of(int64_t unix_ms) {
    date d = date_of(floor_divide(unix_ms, DAY_MS));

    if (d.year < YEAR_MIN || d.year > YEAR_MAX) {
        return 0;
    }
    return (int32_t)(d.year * 100 + d.month);
}

rove_status rove__month_range(int32_t month, int64_t *from_ms, int64_t *to_ms) {
    date first = {month / 100, month % 100, 1};
    date next = first;

    *from_ms = 0;
    *to_ms = 0;
    if (first.year < YEAR_MIN || first.year > YEAR_MAX || first.month < 1 || first.month > 12) {
        return ROVE_RANGE;
    }
    next.year += first.month == 12;
    next.month = first.month == 12 ? 1 : first.month + 1;
    *from_ms = days_of(first) * DAY_MS;
    *to_ms = days_of(next) * DAY_MS;
    ROVE_ASSERT(*from_ms < *to_ms);
    return ROVE_OK;
}

void rove__time_format(int64_t unix_ms, char text[ROVE_TIME_TEXT_SIZE]) {
    int64_t days = floor_divide(unix_ms, DAY_MS);
    int in_day = (int)((unix_ms % DAY_MS + DAY_MS) % DAY_MS);
    date d = date_of(days);

    rove__text_format(text, ROVE_TIME_TEXT_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ",
                      (long long)d.year, (int)d.month, (int)d.day, in_day / 3600000,
                      in_day / 60000 % 60, in_day / 1000 % 60, in_day % 1000);
}

/* What is left of a text that is being parsed; a failure sticks. */
typedef struct scanner {
    const char *at;
    const char *end;
    int failed;
} scanner;

static int next_is(const scanner *s, const char *any_of) {
    if (s->failed || s->at == s->end) {
        return 0;
    }
    for (; *any_of != '\0'; any_of++) {
        if (*s->at == *any_of) {
            return 1;
        }
    }
    return 0;
}

static void skip(scanner *s, const char *any_of) {
    if (next_is(s, any_of)) {
        s->at++;
    } else {
        s->failed = 1;
    }
}

/* Exactly `digits` digits, a number of min .. max. */
static int64_t number(scanner *s, int digits, int64_t min, int64_t max) {
    int64_t value = 0;

    for (int i = 0; i < digits; i++) {
        int digit = next_is(s, "0123456789") ? *s->at - '0' : 0;

        skip(s, "0123456789");
        value = value * 10 + digit;
    }
    if (value < min || value > max) {
        s->failed = 1;
    }
    return value;
}

/* Digits after the decimal point, of which three count; at least one. */
static int64_t fraction_ms(scanner *s) {
    int64_t value = number(s, 1, 0, 9) * 100;

    for (int64_t weight = 10; next_is(s, "0123456789"); weight /= 10) {
        value += (*s->at - '0') * weight;
        s->at++;
    }
    return value;
}

static int64_t time_of_day(scanner *s) {
    int64_t ms = number(s, 2, 0, 23) * 3600000;

    skip(s, ":");
    ms += number(s, 2, 0, 59) * 60000;
    if (next_is(s, ":")) {
        skip(s, ":");
        ms += number(s, 2, 0, 59) * 1000;
        if (next_is(s, ".,")) {
            skip(s, ".,");
            ms += fraction_ms(s);
        }
    }
    return ms;
}

/* "Z", "+05:30", "-0800" or nothing. */
static int64_t offset(scanner *s) {
    int64_t sign = next_is(s, "-") ? -1 : 1;
    int64_t ms = 0;

    if (next_is(s, "Zz")) {
        skip(s, "Zz");
    } else if (next_is(s, "+-")) {
        skip(s, "+-");
        ms = number(s, 2, 0, 23) * 3600000;
        if (next_is(s, ":")) {
            skip(s, ":");
        }
        ms += number(s, 2, 0, 59) * 60000;
    }
    return sign * ms;
}

rove_status rove__time_parse(const char *text, size_t size, int64_t *unix_ms) {
    scanner s = {text, text + size, 0};
    date d;
    date again;
    int64_t ms = 0;

    *unix_ms = 0;
    d.year = number(&s, 4, YEAR_MIN, YEAR_MAX);
    skip(&s, "-");
    d.month = number(&s, 2, 1, 12);
    skip(&s, "-");
    d.day = number(&s, 2, 1, 31);
    if (s.failed) {
        return ROVE_INVALID;
    }
    again = date_of(days_of(d));
    if (again.month != d.month) {
        return ROVE_INVALID; /* February 30 */
    }
    if (s.at != s.end) {
        skip(&s, "Tt ");
        ms = time_of_day(&s);
        ms -= offset(&s);
    }
    if (s.failed || s.at != s.end) {
        return ROVE_INVALID;
    }
    *unix_ms = days_of(d) * DAY_MS + ms;
    return ROVE_OK;
}
