/*
 * http/routes.h - what the paths do: the finish() of each route, and begin, receive and end where there are any.
 * routes.c has the table.
 */
#ifndef ROVE_HQ_ROUTES_H
#define ROVE_HQ_ROUTES_H

#include "http/front.h"

#define ENROLL_BODY_MAX ((size_t)4096)

/* status.c */
enum MHD_Result healthz_finish(request *self);
enum MHD_Result metrics_finish(request *self);

/* enroll.c: the nonce, and what enrolment and renewal share; renew.c */
enum MHD_Result nonce_finish(request *self);
rove_status enroll_begin(request *self);
rove_status enroll_receive(request *self, const void *bytes, size_t size);
enum MHD_Result enroll_finish(request *self);
enum MHD_Result renew_finish(request *self);
void enroll_end(request *self);

/* exchange.c */
rove_status exchange_begin(request *self);
rove_status exchange_receive(request *self, const void *bytes, size_t size);
enum MHD_Result exchange_finish(request *self);
void exchange_end(request *self);

/* drop.c */
rove_status drop_begin(request *self);
rove_status drop_receive(request *self, const void *bytes, size_t size);
enum MHD_Result drop_finish(request *self);
void drop_end(request *self);

/* wait.c */
enum MHD_Result wait_finish(request *self);

/* order.c */
enum MHD_Result order_finish(request *self);

#endif
