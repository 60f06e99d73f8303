#pragma once

#include <cstddef>
#include <functional>
#include <new>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// How many this machine has, or 1 if it does not say.
std::size_t processors();

/// Calls task(0) to task(count - 1) in up to `threads` threads, or in as many as the system has,
/// and returns when all are done. What a task throws ends them, and is thrown then.
void run_in_threads(std::size_t threads, std::size_t count,
                    const std::function<void(std::size_t)>& task);

/// What a task returns, a Result; an error, too, where the standard library throws that there is no
/// more memory. For what is done photo by photo: one that is too much does not end the others.
template <class Task>
auto within_memory(const Task& task) -> decltype(task()) {
  try {
    return task();
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, "there is not enough memory for it");
  }
}

}  // namespace gradcam
