#include "rlcd/session.h"

void session_metrics(Session *session, double start, double tokens) {
    double wall = clock_seconds() - start;
    metrics_add_machine(session->metrics, "wall_s", wall);
    metrics_add_machine(session->metrics, "rss_bytes", (double)memory_peak_bytes());
    metrics_add_machine(session->metrics, "tokens_per_s", wall > 0 ? tokens / wall : 0);
}
