#include "cli/threads.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace gradcam {

std::size_t processors() { return std::max(1u, std::thread::hardware_concurrency()); }

void run_in_threads(std::size_t threads, std::size_t count,
                    const std::function<void(std::size_t)>& task) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> has_thrown = false;
  std::exception_ptr thrown;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) task(i);
    } catch (...) {
      next = count;
      if (!has_thrown.exchange(true)) thrown = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      while (others.size() + 1 < std::min(threads, count)) others.emplace_back(work);
    } catch (const std::system_error&) {  // the system has no more; those there are do the work
    }
    work();
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace gradcam
