/*
 * http/credentials.h - the certificate that the server shows. Each connection gets the newest one before its handshake, so
 * that a renewed certificate is served without a restart; connections that are open keep theirs.
 */
#ifndef ROVE_HQ_CREDENTIALS_H
#define ROVE_HQ_CREDENTIALS_H

#include <gnutls/gnutls.h>

#include "hq.h"

typedef struct credentials credentials;

/* Loads what headquarters has now. TLS, NOMEM. */
ROVE_CHECK rove_status credentials_new(hq *headquarters, credentials **out, rove_error *error);
/* Not before the last session that was given any has ended. NULL is fine. */
void credentials_free(credentials *self);
/* For a session that has not begun its handshake; what it is given lives until credentials_free. Any thread. A certificate
 * that cannot be loaded leaves the one before in service. */
void credentials_give(credentials *self, gnutls_session_t session);

#endif
