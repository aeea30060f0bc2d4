/*
 * http/routes.c - the table of paths.
 */
#include "http/routes.h"

#include "drop/box.h"
#include "sync/wait.h"
#include "wire/frame.h"
#include "wire/order.h"

const route front_routes[] = {
    {.path = "/healthz", .method = "GET", .needed = NEED_OPEN, .finish = healthz_finish},
    {.path = "/metrics", .method = "GET", .needed = NEED_HOST, .finish = metrics_finish},
    {.path = "/v1/enroll", .method = "GET", .needed = NEED_OPEN, .finish = nonce_finish},
    {.path = "/v1/enroll",
     .method = "POST",
     .needed = NEED_OPEN,
     .content_type = ROVE_ENROLL_CONTENT_TYPE,
     .body_max = ENROLL_BODY_MAX,
     .begin = enroll_begin,
     .receive = enroll_receive,
     .finish = enroll_finish,
     .end = enroll_end},
    {.path = "/v1/renew",
     .method = "POST",
     .needed = NEED_RENEW,
     .content_type = ROVE_ENROLL_CONTENT_TYPE,
     .body_max = ENROLL_BODY_MAX,
     .begin = enroll_begin,
     .receive = enroll_receive,
     .finish = renew_finish,
     .end = enroll_end},
    {.path = "/v1/exchange",
     .method = "POST",
     .needed = NEED_DEVICE,
     .content_type = ROVE_CONTENT_TYPE,
     .body_max = HQ_HTTP_BODY_MAX,
     .begin = exchange_begin,
     .receive = exchange_receive,
     .finish = exchange_finish,
     .end = exchange_end},
    {.path = "/v1/drop",
     .method = "POST",
     .needed = NEED_OPEN,
     .content_type = DROP_CONTENT_TYPE,
     .body_max = DROP_BODY_MAX,
     .begin = drop_begin,
     .receive = drop_receive,
     .finish = drop_finish,
     .end = drop_end},
    {.path = ROVE_WAIT_PATH, .method = "GET", .needed = NEED_DEVICE, .finish = wait_finish},
    {.path = ROVE_ORDER_PATH, .method = "GET", .needed = NEED_ORDER, .finish = order_finish},
    {.path = NULL}};
