#include "cli/interrupt.h"

#include <array>
#include <csignal>

namespace gradcam {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

constexpr auto kSignals = std::to_array({
    SIGINT,
    SIGTERM,
#ifdef SIGHUP  // not on Windows
    SIGHUP,
#endif
});

void interrupt(int signal) {
  g_interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupt() {
  for (const int signal : kSignals) {
    if (std::signal(signal, interrupt) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

bool is_interrupted() { return g_interrupted != 0; }

}  // namespace gradcam
