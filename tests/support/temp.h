#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace gradcam::testing {

/// A place for a test's files that no other run of the tests has, nor another test of this run.
inline std::filesystem::path temp_path() {
  const std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  return std::filesystem::path(::testing::TempDir()) /
         ("gradcam_" + test + "_" + std::to_string(::getpid()));
}

}  // namespace gradcam::testing
