/*
 * transport_curl.c - the transport port over libcurl.
 *
 * A transport keeps one multi handle, which holds its connections, and one easy handle, which is reset
 * for each request. When a request comes with another identity or other trust than the one before,
 * both are made afresh, and so no connection serves a request that it was not judged for.
 *
 * A request runs in a loop of our own rather than in curl_easy_perform: it asks `cancelled` and looks
 * at the deadlines ten times a second. Bytes are counted where libcurl reports what it moves above TLS.
 */
#include "posix.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "failure.h"
#include "transport_answer.h"
#include "transport_tls.h"

#define CONNECT_TIMEOUT_MS    10000
#define IDLE_TIMEOUT_MS       30000
#define TICK_MS               100
#define BUFFER_BYTES          65536L
#define REFUSED_BODY_MAX      16384 /* of an answer that is not wanted, to keep its connection */
#define CONNECTION_IDLE_MAX_S 90L
#define CONNECTION_AGE_MAX_S  3600L /* then the server's certificate is judged again */
#define HEADER_MAX            256

/* Why we ended a request, if we did. */
typedef enum ending {
    ENDING_NONE,
    ENDING_CALLBACK, /* read_body or write_answer returned `callback_status` */
    ENDING_CANCELLED,
    ENDING_IDLE,
    ENDING_TOTAL
} ending;

typedef struct transport {
    rove_allocator allocator;
    CURLM *multi;
    CURL *easy;
    uint8_t
        fingerprint[ROVE_SHA256_SIZE]; /* of the trust that multi's connections were made under */
    rove__tls tls;
    char curl_text[CURL_ERROR_SIZE];
    /* The request that runs. */
    const rove_request *request;
    rove_response *response;
    rove__answer answer;
    int wanted; /* the answer's head said that its body is what was asked for */
    int64_t refused_bytes;
    ending ending;
    rove_status callback_status;
    int64_t started_ms;
    int64_t moved_ms; /* when the last byte moved; 0 while connecting */
} transport;

static int64_t now_ms(void) {
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What libcurl calls while a request runs. */

static size_t on_read(char *bytes, size_t item_size, size_t count, void *arg) {
    transport *self = arg;
    size_t size = 0;
    rove_status status =
        self->request->read_body(self->request->ctx, bytes, item_size * count, &size);
    self->moved_ms = now_ms();
    if (status != ROVE_OK) {
        self->ending = ENDING_CALLBACK;
        self->callback_status = status;
        return CURL_READFUNC_ABORT;
    }
    return size;
}

static size_t on_header(char *line, size_t item_size, size_t count, void *arg) {
    transport *self = arg;
    size_t size = item_size * count;
    rove__answer_line(&self->answer, line, size);
    if (self->answer.complete) {
        self->wanted = rove__answer_judge(&self->answer, self->request->accept, NULL) == ROVE_OK;
        self->response->http_status = self->answer.http_status;
        self->response->retry_after_ms = self->answer.retry_after_ms;
    }
    return size;
}

static size_t on_write(char *bytes, size_t item_size, size_t count, void *arg) {
    transport *self = arg;
    size_t size = item_size * count;
    if (!self->wanted) {
        self->refused_bytes += (int64_t)size;
        return self->refused_bytes > REFUSED_BODY_MAX ? 0 : size;
    }
    rove_status status = self->request->write_answer(self->request->ctx, bytes, size);
    self->moved_ms = now_ms();
    if (status != ROVE_OK) {
        self->ending = ENDING_CALLBACK;
        self->callback_status = status;
        return 0;
    }
    return size;
}

static int on_moved(CURL *easy, curl_infotype type, char *bytes, size_t size, void *arg) {
    transport *self = arg;
    (void)easy;
    (void)bytes;
    if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) {
        self->response->bytes_sent += (int64_t)size;
        self->moved_ms = now_ms();
    } else if (type == CURLINFO_HEADER_IN || type == CURLINFO_DATA_IN) {
        self->response->bytes_received += (int64_t)size;
        self->moved_ms = now_ms();
    }
    return 0;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg) {
    transport *self = arg;
    (void)easy;
    return rove__tls_configure(&self->tls, ssl_ctx) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

/* Preparing a request. */

static rove_status fail_invalid(rove_error *error, const char *text) {
    return rove__posix_fail(error, ROVE_INVALID, ROVE_DOMAIN_ROVE, ROVE_INVALID, "%s", text);
}

/* Takes the host out of the URL, which has to be https and without a user. */
static rove_status read_host(transport *self, const char *url, rove_error *error) {
    char *scheme = NULL;
    char *host = NULL;
    char *user = NULL;
    rove_status status = ROVE_OK;
    CURLU *parsed = curl_url();
    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        strcmp(scheme, "https") == 0 &&
        curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        strlen(host) < sizeof self->tls.host) {
        size_t size = strlen(host);
        int bracketed = size > 2 && host[0] == '[' && host[size - 1] == ']';
        (void)snprintf(self->tls.host, sizeof self->tls.host, "%.*s",
                       (int)(bracketed ? size - 2 : size), bracketed ? host + 1 : host);
    } else {
        status = fail_invalid(error, "The address of headquarters is no https:// address");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parsed);
    return status;
}

static rove_status check_request(const rove_request *request, rove_error *error) {
    if (request->method == NULL || request->url == NULL || request->write_answer == NULL ||
        (strcmp(request->method, "GET") != 0 && strcmp(request->method, "POST") != 0)) {
        return fail_invalid(error, "A request is a GET or a POST with an address and a sink");
    }
    if (strcmp(request->method, "GET") == 0 && request->read_body != NULL) {
        return fail_invalid(error, "A GET has no body");
    }
    if (request->ca_der == NULL && request->pin == NULL) {
        return fail_invalid(error, "A request needs headquarters' authority or its pin");
    }
    if ((request->certificate_der == NULL) != (request->key_der == NULL)) {
        return fail_invalid(error, "A device's certificate and key come together");
    }
    return ROVE_OK;
}

static void close_handles(transport *self) {
    curl_easy_cleanup(self->easy);
    (void)curl_multi_cleanup(self->multi);
    self->easy = NULL;
    self->multi = NULL;
}

/* Makes sure of handles whose connections, if any, were made under this request's trust. */
static rove_status ready_handles(transport *self, const rove_request *request, rove_error *error) {
    uint8_t fingerprint[ROVE_SHA256_SIZE];
    if (!rove__tls_fingerprint(request, fingerprint)) {
        return rove__posix_fail(error, ROVE_NOMEM, ROVE_DOMAIN_ROVE, ROVE_NOMEM,
                                "There is not enough memory");
    }
    if (self->easy != NULL && memcmp(fingerprint, self->fingerprint, sizeof fingerprint) == 0) {
        curl_easy_reset(self->easy);
        return ROVE_OK;
    }
    close_handles(self);
    memcpy(self->fingerprint, fingerprint, sizeof fingerprint);
    self->multi = curl_multi_init();
    self->easy = curl_easy_init();
    if (self->multi == NULL || self->easy == NULL) {
        close_handles(self);
        return rove__posix_fail(error, ROVE_NOMEM, ROVE_DOMAIN_ROVE, ROVE_NOMEM,
                                "There is not enough memory");
    }
    return ROVE_OK;
}

/* Appends "name: value" to a list; a value of NULL keeps libcurl from sending the header. */
static int add_header(struct curl_slist **headers, const char *name, const char *value) {
    char line[HEADER_MAX];
    int size = snprintf(line, sizeof line, value == NULL ? "%s:" : "%s: %s", name, value);
    if (size < 0 || (size_t)size >= sizeof line) {
        return 0;
    }
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (longer == NULL) {
        return 0;
    }
    *headers = longer;
    return 1;
}

static int make_headers(const rove_request *request, struct curl_slist **headers) {
    return add_header(headers, "Accept", request->accept) && add_header(headers, "Expect", NULL) &&
           add_header(headers, "Content-Type", request->content_type) &&
           (request->read_body == NULL || add_header(headers, "Transfer-Encoding", "chunked"));
}

/* The first failure of setting options; libcurl fails them for lack of memory or of a feature. */
#define SET(easy, result, option, value)                                                           \
    do {                                                                                           \
        if ((result) == CURLE_OK) {                                                                \
            (result) = curl_easy_setopt((easy), (option), (value));                                \
        }                                                                                          \
    } while (0)

static CURLcode set_connection(transport *self, const rove_request *request) {
    CURL *easy = self->easy;
    CURLcode result = CURLE_OK;
    int64_t connect_ms =
        request->connect_timeout_ms > 0 ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    long chain_checked = request->ca_der != NULL;
    SET(easy, result, CURLOPT_PROTOCOLS_STR, "https");
    SET(easy, result, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, result, CURLOPT_PROXY, "");
    SET(easy, result, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, result, CURLOPT_NOSIGNAL, 1L);
    SET(easy, result, CURLOPT_QUICK_EXIT, 1L); /* cancelling does not wait for a name server */
    SET(easy, result, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    SET(easy, result, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_MAX_S);
    SET(easy, result, CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_MAX_S);
    SET(easy, result, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    SET(easy, result, CURLOPT_CAINFO, NULL);
    SET(easy, result, CURLOPT_CAPATH, NULL);
    SET(easy, result, CURLOPT_SSL_VERIFYPEER, chain_checked);
    SET(easy, result, CURLOPT_SSL_VERIFYHOST, chain_checked ? 2L : 0L);
    SET(easy, result, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(easy, result, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    SET(easy, result, CURLOPT_SSL_CTX_DATA, self);
    return result;
}

static CURLcode set_exchange(transport *self, const rove_request *request,
                             struct curl_slist *headers) {
    CURL *easy = self->easy;
    CURLcode result = CURLE_OK;
    SET(easy, result, CURLOPT_URL, request->url);
    SET(easy, result, CURLOPT_HTTPHEADER, headers);
    SET(easy, result, CURLOPT_ERRORBUFFER, self->curl_text);
    SET(easy, result, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    SET(easy, result, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
    SET(easy, result, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, result, CURLOPT_HEADERDATA, self);
    SET(easy, result, CURLOPT_WRITEFUNCTION, on_write);
    SET(easy, result, CURLOPT_WRITEDATA, self);
    SET(easy, result, CURLOPT_READFUNCTION, on_read);
    SET(easy, result, CURLOPT_READDATA, self);
    SET(easy, result, CURLOPT_DEBUGFUNCTION, on_moved);
    SET(easy, result, CURLOPT_DEBUGDATA, self);
    SET(easy, result, CURLOPT_VERBOSE, 1L);
    if (strcmp(request->method, "GET") == 0) {
        SET(easy, result, CURLOPT_HTTPGET, 1L);
    } else {
        SET(easy, result, CURLOPT_POST, 1L);
        SET(easy, result, CURLOPT_POSTFIELDSIZE, request->read_body == NULL ? 0L : -1L);
    }
    return result;
}

/* Running it. */

static void look_at_deadlines(transport *self) {
    const rove_request *request = self->request;
    int64_t now = now_ms();
    int64_t idle_ms = request->idle_timeout_ms > 0 ? request->idle_timeout_ms : IDLE_TIMEOUT_MS;
    if (request->total_timeout_ms > 0 && now - self->started_ms >= request->total_timeout_ms) {
        self->ending = ENDING_TOTAL;
    } else if (self->moved_ms != 0 && now - self->moved_ms >= idle_ms) {
        self->ending = ENDING_IDLE;
    }
}

/* How libcurl ended the request; if it did not, because of us or for lack of memory. */
static CURLcode result_of(transport *self) {
    int left = 0;
    for (CURLMsg *note = curl_multi_info_read(self->multi, &left); note != NULL;
         note = curl_multi_info_read(self->multi, &left)) {
        if (note->msg == CURLMSG_DONE && note->easy_handle == self->easy) {
            return note->data.result;
        }
    }
    return CURLE_OUT_OF_MEMORY;
}

static CURLcode run(transport *self) {
    int running = 1;
    int64_t asked_ms = 0;
    if (curl_multi_add_handle(self->multi, self->easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    while (running != 0 && self->ending == ENDING_NONE) {
        if (curl_multi_perform(self->multi, &running) != CURLM_OK ||
            (running != 0 && curl_multi_poll(self->multi, NULL, 0, TICK_MS, NULL) != CURLM_OK)) {
            break;
        }
        if (running == 0 || self->ending != ENDING_NONE) {
            break;
        }
        look_at_deadlines(self);
        if (self->request->cancelled != NULL && now_ms() - asked_ms >= TICK_MS) {
            asked_ms = now_ms();
            if (self->request->cancelled(self->request->ctx) != 0) {
                self->ending = ENDING_CANCELLED;
            }
        }
    }
    CURLcode result = result_of(self);
    (void)curl_multi_remove_handle(self->multi, self->easy);
    return result;
}

/* What it came to. */

static rove_status judge_ending(const transport *self, rove_error *error) {
    switch (self->ending) {
    case ENDING_CALLBACK:
        return rove__posix_fail(error, self->callback_status, ROVE_DOMAIN_ROVE,
                                (int)self->callback_status,
                                "The exchange was ended from this side");
    case ENDING_CANCELLED:
        return rove__posix_fail(error, ROVE_CANCELLED, ROVE_DOMAIN_ROVE, ROVE_CANCELLED,
                                "The exchange was cancelled");
    case ENDING_IDLE:
        return rove__posix_fail(error, ROVE_TIMEOUT, ROVE_DOMAIN_ROVE, ROVE_TIMEOUT,
                                "Nothing came from %.80s for too long; try again, perhaps where "
                                "reception is better",
                                self->tls.host);
    case ENDING_TOTAL:
        return rove__posix_fail(error, ROVE_TIMEOUT, ROVE_DOMAIN_ROVE, ROVE_TIMEOUT,
                                "The exchange with %.80s took longer than allowed; it goes on "
                                "where it stopped",
                                self->tls.host);
    case ENDING_NONE:
        break;
    }
    return ROVE_OK;
}

static rove_status judge_unreachable(transport *self, CURLcode result, rove_error *error) {
    const char *host = self->tls.host;
    long code = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &code);
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return rove__posix_fail(error, ROVE_NETWORK, ROVE_DOMAIN_OS, (int)code,
                                "The name %.80s was not found; check the connection and the "
                                "address",
                                host);
    case CURLE_COULDNT_CONNECT:
        return rove__posix_fail(error, ROVE_NETWORK, ROVE_DOMAIN_OS, (int)code,
                                "%.80s could not be reached; check the connection and the address",
                                host);
    case CURLE_OPERATION_TIMEDOUT:
        return rove__posix_fail(error, ROVE_TIMEOUT, ROVE_DOMAIN_OS, (int)code,
                                "%.80s could not be reached in time; try again, perhaps where "
                                "reception is better",
                                host);
    default:
        return rove__posix_fail(error, ROVE_NETWORK, ROVE_DOMAIN_OS, (int)code,
                                "The connection to %.80s broke off; try again", host);
    }
}

/* A handshake that failed without a verdict of ours: cut, not TLS at all, or refused. */
static rove_status judge_handshake(transport *self, CURLcode result, rove_error *error) {
    const char *text = self->curl_text;
    if (strstr(text, "SSL_ERROR_SYSCALL") != NULL || strstr(text, "unexpected eof") != NULL ||
        strstr(text, "reset") != NULL) {
        return judge_unreachable(self, CURLE_RECV_ERROR, error);
    }
    if (strstr(text, "wrong version number") != NULL) {
        return rove__posix_fail(error, ROVE_NOT_ROVE, ROVE_DOMAIN_TLS, (int)result,
                                "What answered at %.80s is not headquarters. Perhaps this network "
                                "asks for a login page; open a browser, or use another network",
                                self->tls.host);
    }
    return rove__posix_fail(error, ROVE_TLS, ROVE_DOMAIN_TLS, (int)result,
                            "No secure connection to %.80s came about; ask headquarters (%.80s)",
                            self->tls.host, text);
}

static rove_status judge_result(transport *self, CURLcode result, rove_error *error) {
    switch (result) {
    case CURLE_OUT_OF_MEMORY:
        return rove__posix_fail(error, ROVE_NOMEM, ROVE_DOMAIN_ROVE, ROVE_NOMEM,
                                "There is not enough memory");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return judge_handshake(self, result, error);
    case CURLE_OK: /* it ended inside its head */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        if (self->response->bytes_received > 0) {
            return rove__posix_fail(error, ROVE_TRUNCATED, ROVE_DOMAIN_TLS, (int)result,
                                    "The answer of %.80s broke off; try again", self->tls.host);
        }
        return judge_unreachable(self, result, error);
    default:
        return rove__posix_fail(error, ROVE_PROTOCOL, ROVE_DOMAIN_TLS, (int)result,
                                "The answer of %.80s is no proper HTTP (%.80s); check the address",
                                self->tls.host, self->curl_text);
    }
}

static rove_status judge(transport *self, CURLcode result, rove_error *error) {
    rove_status status = judge_ending(self, error);
    if (status == ROVE_OK && self->answer.complete) {
        status = rove__answer_judge(&self->answer, self->request->accept, error);
    }
    if (status != ROVE_OK || (result == CURLE_OK && self->answer.complete)) {
        return status;
    }
    status = rove__tls_explain(&self->tls, error);
    return status != ROVE_OK ? status : judge_result(self, result, error);
}

static rove_status perform(void *ctx, const rove_request *request, rove_response *response,
                           rove_error *error) {
    transport *self = ctx;
    struct curl_slist *headers = NULL;
    memset(response, 0, sizeof *response);
    rove_status status = check_request(request, error);
    if (status == ROVE_OK) {
        status = read_host(self, request->url, error);
    }
    if (status == ROVE_OK) {
        status = ready_handles(self, request, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    self->request = request;
    self->response = response;
    memset(&self->answer, 0, sizeof self->answer);
    self->wanted = 0;
    self->refused_bytes = 0;
    self->ending = ENDING_NONE;
    self->started_ms = now_ms();
    self->moved_ms = 0;
    self->curl_text[0] = '\0';
    rove__tls_begin(&self->tls, request);
    if (!make_headers(request, &headers) || set_connection(self, request) != CURLE_OK ||
        set_exchange(self, request, headers) != CURLE_OK) {
        status = rove__posix_fail(error, ROVE_NOMEM, ROVE_DOMAIN_ROVE, ROVE_NOMEM,
                                  "The request could not be prepared");
    } else {
        status = judge(self, run(self), error);
    }
    curl_easy_reset(self->easy); /* it must not keep what it borrowed */
    curl_slist_free_all(headers);
    self->request = NULL;
    self->response = NULL;
    return status;
}

rove_status rove_posix_transport_new(rove_transport *out, const rove_allocator *allocator) {
    memset(out, 0, sizeof *out);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return ROVE_NOMEM;
    }
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    if (version->ssl_version == NULL || strstr(version->ssl_version, "OpenSSL") == NULL) {
        curl_global_cleanup();
        return ROVE_TLS;
    }
    transport *self = allocator->resize(allocator->ctx, NULL, sizeof *self);
    if (self == NULL) {
        curl_global_cleanup();
        return ROVE_NOMEM;
    }
    memset(self, 0, sizeof *self);
    self->allocator = *allocator;
    out->perform = perform;
    out->ctx = self;
    return ROVE_OK;
}

void rove_posix_transport_free(rove_transport *transport_port) {
    if (transport_port == NULL || transport_port->ctx == NULL) {
        return;
    }
    transport *self = transport_port->ctx;
    close_handles(self);
    (void)self->allocator.resize(self->allocator.ctx, self, 0);
    curl_global_cleanup();
    memset(transport_port, 0, sizeof *transport_port);
}
