/*
 * transport_answer.c - what an HTTP answer's head means to Rove.
 *
 * A header "Rove-Status: NAME" says more than the HTTP status does, and wins. But a peer can only
 * speak about requests and itself: names of success, and of troubles of this device such as FULL or
 * CORRUPT, are not taken from it. A body that ends with the connection is refused: nobody could tell
 * whether it is whole, for libcurl does not insist on TLS's goodbye.
 */
#include "transport_answer.h"

#include <string.h>
#include <strings.h>

#include "failure.h"

#define RETRY_AFTER_MAX_S 86400

static const struct {
    const char *name;
    rove_status status;
    rove_status_class class_;
    const char *text;
} statuses[] = {
#define STATUS_ROW(name, value, class_, text) {#name, ROVE_##name, ROVE_CLASS_##class_, text},
    ROVE_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts white space off both ends of a text. */
static void trim(const char **text, size_t *size) {
    while (*size > 0 && is_space(**text)) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && is_space((*text)[*size - 1])) {
        (*size)--;
    }
}

static void copy(char *out, size_t capacity, const char *text, size_t size) {
    size_t kept = size < capacity ? size : 0;
    memcpy(out, text, kept);
    out[kept] = '\0';
}

/* A number of at most nine digits; -1 for anything else. */
static int64_t parse_number(const char *text, size_t size) {
    int64_t number = 0;
    if (size == 0 || size > 9) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* "HTTP/1.1 200 OK" */
static void begin(rove__answer *answer, const char *line, size_t size) {
    memset(answer, 0, sizeof *answer);
    const char *space = memchr(line, ' ', size);
    size_t at = space == NULL ? size : (size_t)(space - line) + 1;
    int64_t number = size - at >= 3 ? parse_number(line + at, 3) : -1;
    answer->http_status = number >= 100 ? (int)number : 0;
}

static int is_name(const char *line, size_t size, const char *name) {
    return size == strlen(name) && strncasecmp(line, name, size) == 0;
}

static void take_header(rove__answer *answer, const char *line, size_t name_size, const char *value,
                        size_t value_size) {
    trim(&value, &value_size);
    if (is_name(line, name_size, "Content-Type")) {
        const char *parameters = memchr(value, ';', value_size);
        if (parameters != NULL) {
            value_size = (size_t)(parameters - value);
            trim(&value, &value_size);
        }
        copy(answer->media_type, sizeof answer->media_type, value, value_size);
    } else if (is_name(line, name_size, "Content-Length") ||
               is_name(line, name_size, "Transfer-Encoding")) {
        answer->framed = 1;
    } else if (is_name(line, name_size, "Rove-Status")) {
        copy(answer->status_name, sizeof answer->status_name, value, value_size);
    } else if (is_name(line, name_size, "Retry-After")) {
        int64_t seconds = parse_number(value, value_size);
        seconds = seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S;
        answer->retry_after_ms = seconds < 0 ? 0 : seconds * 1000;
    }
}

void rove__answer_line(rove__answer *answer, const char *line, size_t size) {
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        begin(answer, line, size);
        return;
    }
    if (answer->complete) {
        return;
    }
    const char *rest = line;
    size_t rest_size = size;
    trim(&rest, &rest_size);
    if (rest_size == 0) {
        answer->complete = answer->http_status >= 200;
        return;
    }
    const char *colon = memchr(line, ':', size);
    if (colon != NULL) {
        size_t name_size = (size_t)(colon - line);
        take_header(answer, line, name_size, colon + 1, size - name_size - 1);
    }
}

static rove_status judge_name(const char *name, rove_error *error) {
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].class_ != ROVE_CLASS_FINE && statuses[i].class_ != ROVE_CLASS_DEVICE &&
            strcmp(statuses[i].name, name) == 0) {
            return rove__posix_fail(error, statuses[i].status, ROVE_DOMAIN_ROVE,
                                    (int)statuses[i].status, "Headquarters answered: %s",
                                    statuses[i].text);
        }
    }
    return ROVE_OK;
}

static rove_status judge_http(const rove__answer *answer, rove_error *error) {
    int http = answer->http_status;
    rove_status status = ROVE_PROTOCOL;
    const char *text = "which is not an answer that headquarters gives; check the address";
    if (http == 401) {
        status = ROVE_UNAUTHORIZED;
        text = "it does not accept this device's certificate; ask headquarters";
    } else if (http == 429 || http == 503) {
        status = ROVE_LATER;
        text = "it is busy; try again later";
    } else if (http >= 500) {
        status = ROVE_SERVER;
        text = "it failed; try again later and tell headquarters if it stays so";
    }
    return rove__posix_fail(error, status, ROVE_DOMAIN_HTTP, http,
                            "The server answered with HTTP status %d: %s", http, text);
}

rove_status rove__answer_judge(const rove__answer *answer, const char *accept, rove_error *error) {
    if (answer->http_status != 200) {
        rove_status status = judge_name(answer->status_name, error);
        return status != ROVE_OK ? status : judge_http(answer, error);
    }
    if (accept != NULL && strcasecmp(answer->media_type, accept) != 0) {
        return rove__posix_fail(error, ROVE_NOT_ROVE, ROVE_DOMAIN_HTTP, 200,
                                "What answered is not headquarters: it sent \"%s\". Perhaps this "
                                "network asks for a login page; open a browser, or use another "
                                "network",
                                answer->media_type);
    }
    if (!answer->framed) {
        return rove__posix_fail(error, ROVE_PROTOCOL, ROVE_DOMAIN_HTTP, 200,
                                "The server does not say where its answer ends; check the address");
    }
    return ROVE_OK;
}
