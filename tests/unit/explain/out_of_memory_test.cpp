// What happens to pictures and maps when memory runs out, in a process of its own.
#include <gtest/gtest.h>

#include "support/slow.h"

#if defined(__linux__) && !GRADCAM_SANITIZED

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "gradcam/explain/eigen_cam.h"
#include "gradcam/explain/eigen_grad_cam.h"
#include "gradcam/explain/layer_cam.h"
#include "gradcam/image/overlay.h"
#include "gradcam/image/resize.h"
#include "support/random.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

enum class Ending { kGood, kOutOfMemory, kBad };

/// Kilobytes of address space that this process has.
std::size_t address_space() {
  std::size_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    if (std::fscanf(file, "%zu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

bool limit_address_space(std::size_t kilobytes) {
  const rlimit limit{.rlim_cur = kilobytes * 1024, .rlim_max = RLIM_INFINITY};
  return setrlimit(RLIMIT_AS, &limit) == 0;
}

/// Whether the system keeps to a limit: emulators of other processors do not, and whoever takes
/// memory until there is none would take all that the machine has.
bool keeps_to_limit() {
  rlimit before{};
  if (getrlimit(RLIMIT_AS, &before) != 0 || !limit_address_space(address_space())) return false;
  constexpr std::size_t kPlenty = std::size_t{1} << 30;
  void* volatile taken = std::malloc(kPlenty);
  const bool is_refused = taken == nullptr;
  std::free(taken);
  return setrlimit(RLIMIT_AS, &before) == 0 && is_refused;
}

/// Takes what other tests have left in the heap, but for what is small.
void use_up_heap() {
  for (std::size_t bytes = 1 << 24; bytes >= 1 << 12; bytes /= 2) {
    while (void* volatile taken = std::malloc(bytes)) static_cast<void>(taken);
  }
}

/// Calls a function that may have so many kilobytes more than there are now.
Ending run_within(std::size_t more, const std::function<Ending()>& call) {
  const pid_t child = fork();
  if (child == 0) {
    Ending ending = Ending::kBad;
    if (limit_address_space(address_space())) {
      use_up_heap();
      try {
        if (!limit_address_space(address_space() + more)) _exit(static_cast<int>(ending));
        ending = call();
      } catch (const std::exception&) {
        ending = Ending::kBad;
      }
    }
    _exit(static_cast<int>(ending));
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return Ending::kBad;
  return static_cast<Ending>(WEXITSTATUS(status));
}

class OutOfMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!keeps_to_limit()) GTEST_SKIP() << "memory cannot be limited here";
  }
};

/// Gives a call ever more memory, until it succeeds.
void expect_no_throw(const std::function<Ending()>& call) {
  constexpr std::size_t kSmallOnes = 1000;  // may fail as they like
  constexpr std::size_t kStep = 200;
  constexpr std::size_t kMost = 200'000;
  std::size_t failures = 0;
  for (std::size_t more = kSmallOnes; more < kMost; more += kStep) {
    const Ending ending = run_within(more, call);
    ASSERT_NE(ending, Ending::kBad) << more << " KB";
    if (ending == Ending::kGood) {
      EXPECT_GT(failures, 2u);
      return;
    }
    ++failures;
  }
  FAIL() << "never succeeded";
}

template <class T>
Ending ending_of(const Result<T>& result) {
  if (result) return Ending::kGood;
  return result.error().code == ErrorCode::kOutOfMemory ? Ending::kOutOfMemory : Ending::kBad;
}

TEST_F(OutOfMemory, IsAnErrorOfPrincipalComponents) {
  RandomFloats random(1);
  for (const Shape& shape : {Shape{100, 100, 60}, Shape{4, 4, 50'000}}) {
    SCOPED_TRACE(to_string(shape));
    ASSERT_OK_AND_ASSIGN(const Tensor x,
                         Tensor::from(shape, random.uniform(shape[0] * shape[1] * shape[2])));
    expect_no_throw([&] { return ending_of(eigen_cam_map({x}, {})); });
    expect_no_throw([&] { return ending_of(eigen_grad_cam_map({x}, x)); });
    expect_no_throw([&] { return ending_of(sum_of<layer_cam>({x, true}, x)); });
  }
}

TEST_F(OutOfMemory, IsAnErrorOfPictures) {
  ASSERT_OK_AND_ASSIGN(const Image image, make_image(1000, 1000));
  expect_no_throw([&] { return ending_of(resize_image(image, 1500, 200)); });
  // So large a filter takes more than the picture.
  ASSERT_OK_AND_ASSIGN(const Image row, make_image(1, 1));
  expect_no_throw([&] { return ending_of(resize_image(row, 100'000, 1)); });
  ASSERT_OK_AND_ASSIGN(const Colormap colormap, find_colormap("turbo"));
  const std::vector<float> heat = {0, 1};
  for (const int height : {1, 10}) {
    expect_no_throw([&] {
      const bool is_empty = heat_rgba(heat, 1, 2, 200'000, height, colormap).empty();
      return is_empty ? Ending::kOutOfMemory : Ending::kGood;
    });
  }
  expect_no_throw(
      [&] { return ending_of(overlay(image, {0, 0, 1000, 1000}, heat, 1, 2, colormap, 0.5f)); });
}

}  // namespace
}  // namespace gradcam::testing

#endif
