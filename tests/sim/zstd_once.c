/*
 * zstd_once.c - contexts of compression are kept, and not made anew for each half of an exchange: a new one clears its tables,
 * most of a megabyte, which takes longer than to compress a few rows, and drives all else out of the processor's cache. One that
 * is used again knows by itself what in its tables is of an earlier frame; what it writes is the same.
 *
 * The linker puts these functions before zstd's (--wrap). The caller's allocator is asked as often as by zstd itself, once for a
 * context and once for its tables: a machine whose memory runs out does not notice the difference.
 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_customMem */
#include <zstd.h>
#include <zstd_errors.h>

#define SPARE_MAX 16

/* What the caller has for a context. */
typedef struct loan {
    ZSTD_customMem memory;
    ZSTD_CCtx *context;
    void *tables; /* stands for them */
} loan;

static ZSTD_CCtx *spare[SPARE_MAX];
static size_t spares;

size_t __real_ZSTD_CCtx_setParameter(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value);
size_t __real_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
                                   ZSTD_EndDirective directive);
size_t __real_ZSTD_freeCCtx(ZSTD_CCtx *context);
ZSTD_CCtx *__wrap_ZSTD_createCCtx_advanced(ZSTD_customMem memory);
size_t __wrap_ZSTD_CCtx_setParameter(ZSTD_CCtx *lent, ZSTD_cParameter parameter, int value);
size_t __wrap_ZSTD_compressStream2(ZSTD_CCtx *lent, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
                                   ZSTD_EndDirective directive);
size_t __wrap_ZSTD_freeCCtx(ZSTD_CCtx *lent);

static loan *of(ZSTD_CCtx *lent) {
    return (loan *)(void *)lent;
}

ZSTD_CCtx *__wrap_ZSTD_createCCtx_advanced(ZSTD_customMem memory) {
    loan *self = memory.customAlloc(memory.opaque, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    *self = (loan){memory, spares > 0 ? spare[--spares] : ZSTD_createCCtx(), NULL};
    if (self->context == NULL) {
        memory.customFree(memory.opaque, self);
        return NULL;
    }
    return (ZSTD_CCtx *)(void *)self;
}

size_t __wrap_ZSTD_CCtx_setParameter(ZSTD_CCtx *lent, ZSTD_cParameter parameter, int value) {
    return __real_ZSTD_CCtx_setParameter(of(lent)->context, parameter, value);
}

size_t __wrap_ZSTD_compressStream2(ZSTD_CCtx *lent, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
                                   ZSTD_EndDirective directive) {
    loan *self = of(lent);
    if (self->tables == NULL) {
        self->tables = self->memory.customAlloc(self->memory.opaque, 1);
    }
    return self->tables == NULL ? (size_t)-ZSTD_error_memory_allocation
                                : __real_ZSTD_compressStream2(self->context, out, in, directive);
}

size_t __wrap_ZSTD_freeCCtx(ZSTD_CCtx *lent) {
    loan *self = of(lent);
    if (self == NULL) {
        return 0;
    }
    (void)ZSTD_CCtx_reset(self->context, ZSTD_reset_session_and_parameters);
    if (spares < SPARE_MAX) {
        spare[spares++] = self->context;
    } else {
        (void)__real_ZSTD_freeCCtx(self->context);
    }
    if (self->tables != NULL) {
        self->memory.customFree(self->memory.opaque, self->tables);
    }
    self->memory.customFree(self->memory.opaque, self);
    return 0;
}
