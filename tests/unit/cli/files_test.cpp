#include "cli/files.h"

#include <gtest/gtest.h>

#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/system.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest()
      : folder_(fs::temp_directory_path() /
                ("gradcam_files_test_" + std::to_string(process_id()))) {
    fs::create_directories(folder_);
  }
  ~FilesTest() override { fs::remove_all(folder_); }

  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  const std::vector<std::uint8_t> bytes_ = {1, 2, 3};
  fs::path folder_;
};

TEST_F(FilesTest, ANewFileIsThereAsAWholeOrNotAtAll) {
  const fs::path path = folder_ / "model";
  {
    ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::create(path, bytes_.size()));
    ASSERT_OK(file.write(bytes_));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_EQ(files(), 0u);
  ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::create(path, bytes_.size()));
  ASSERT_OK(file.write(bytes_));
  ASSERT_OK(file.commit());
  ASSERT_OK_AND_ASSIGN(const auto read, read_file(path));
  EXPECT_EQ(read, bytes_);
  EXPECT_EQ(files(), 1u);
}

TEST_F(FilesTest, WhatAKilledProgramLeftIsNotInTheWay) {
  const fs::path path = folder_ / "model";
  ASSERT_OK(write_file(path.string() + ".partial-" + std::to_string(process_id()), bytes_));
  ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::create(path, bytes_.size()));
  ASSERT_OK(file.write(bytes_));
  ASSERT_OK(file.commit());
  EXPECT_TRUE(fs::exists(path));
}

#ifndef _WIN32

TEST_F(FilesTest, ANewFileTakesThePlaceOfWhatALinkPointsTo) {
  fs::create_directory(folder_ / "there");
  const fs::path target = folder_ / "there" / "model";
  const fs::path link = folder_ / "link";
  fs::create_symlink(target, link);
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::create(link, bytes_.size()));
    ASSERT_OK(file.write(bytes_));
    ASSERT_OK(file.commit());
    EXPECT_TRUE(fs::is_symlink(link));
    ASSERT_OK_AND_ASSIGN(const auto read, read_file(target));
    EXPECT_EQ(read, bytes_);
  }
}

TEST_F(FilesTest, ANewFileDoesNotTakeThePlaceOfADevice) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(error_message(NewFile::create(pipe, 0), ErrorCode::kUnreadableFile).find("regular"),
            std::string::npos);
  EXPECT_EQ(files(), 1u);
}

TEST_F(FilesTest, AFolderThatMayNotBeOpenedIsNamedAndTheOthersAreListed) {
  if (geteuid() == 0) GTEST_SKIP() << "root may open every folder";
  for (const char* name : {"a", "closed"}) fs::create_directory(folder_ / name);
  ASSERT_OK(write_file(folder_ / "a" / "a.jpg", bytes_));
  fs::permissions(folder_ / "closed", fs::perms::none);
  std::vector<fs::path> photos;
  EXPECT_NE(error_message(list_photos(folder_, photos), ErrorCode::kUnreadableFile).find("closed"),
            std::string::npos);
  EXPECT_EQ(photos, (std::vector<fs::path>{folder_ / "a" / "a.jpg"}));
  fs::permissions(folder_ / "closed", fs::perms::owner_all);
}

#endif  // _WIN32

// macOS writes them beside photos on other systems' disks.
TEST_F(FilesTest, HiddenFilesAndFoldersHaveNoPhotos) {
  fs::create_directory(folder_ / ".trash");
  for (const char* name : {"a.jpg", "._a.jpg", ".trash/b.jpg"}) {
    ASSERT_OK(write_file(folder_ / name, bytes_));
  }
  std::vector<fs::path> photos;
  ASSERT_OK(list_photos(folder_, photos));
  EXPECT_EQ(photos, (std::vector<fs::path>{folder_ / "a.jpg"}));
  ASSERT_OK(list_photos(folder_ / "._a.jpg", photos));
  EXPECT_EQ(photos.size(), 2u);
}

TEST_F(FilesTest, PhotosOfAFolderAreAppendedInOrder) {
  for (const char* name : {"b.jpg", "a.PNG", "notes.txt"}) {
    ASSERT_OK(write_file(folder_ / name, bytes_));
  }
  std::vector<fs::path> photos = {"z.jpg"};
  ASSERT_OK(list_photos(folder_, photos));
  EXPECT_EQ(photos, (std::vector<fs::path>{"z.jpg", folder_ / "a.PNG", folder_ / "b.jpg"}));
  ASSERT_OK(list_photos("one.jpg", photos));
  EXPECT_EQ(photos.back(), "one.jpg");
  fs::create_directory(folder_ / "empty");
  EXPECT_NE(error_message(list_photos(folder_ / "empty", photos), ErrorCode::kUnreadableFile), "");
  EXPECT_EQ(photos.size(), 4u);
}

}  // namespace
}  // namespace gradcam::testing
