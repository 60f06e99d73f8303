#include "gradcam/weights/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace gradcam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string error_of(const std::map<std::string, std::string>& metadata) {
  const auto model = parse_metadata(metadata);
  if (model) return "";
  EXPECT_EQ(model.error().code, ErrorCode::kCorruptModel);
  return model.error().message;
}

TEST(Metadata, ReadsAllFields) {
  const auto model = parse_metadata({{"format", "gradcam.cpp/1"},
                                     {"architecture", "vgg16"},
                                     {"labels", R"(["pug", "L\u00f6wchen"])"},
                                     {"preprocess", R"({"size":224})"},
                                     {"source", "here"},
                                     {"license", "Apache-2.0"},
                                     {"temperature", "1.25"},
                                     {"unsure_below", "0.5"},
                                     {"others", "another breed"},
                                     {"something_else", "ignored"}});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->labels, ElementsAre("pug", "L\xc3\xb6wchen"));
  EXPECT_EQ(model->preprocess, R"({"size":224})");
  EXPECT_EQ(model->source, "here");
  EXPECT_EQ(model->license, "Apache-2.0");
  EXPECT_EQ(model->temperature, 1.25f);
  EXPECT_EQ(model->unsure_below, 0.5f);
  EXPECT_EQ(model->others, "another breed");
}

TEST(Metadata, FilesOfOthersHaveDefaults) {
  for (const std::map<std::string, std::string>& metadata :
       {std::map<std::string, std::string>{}, {{"format", "pt"}}, {{"format", "tf"}}}) {
    const auto model = parse_metadata(metadata);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_THAT(model->labels, IsEmpty());
    EXPECT_EQ(model->others, "");
    EXPECT_EQ(model->preprocess, "");
    EXPECT_EQ(model->temperature, 1);
    EXPECT_EQ(model->unsure_below, 0);
  }
}

TEST(Metadata, RoundTrips) {
  ModelMetadata model;
  model.labels = {"a \"quoted\" dog", "\xe7\x8a\xac", "pug"};
  model.others = "no dog";
  model.preprocess = "{}";
  model.source = "somewhere";
  model.license = "CC-BY-4.0";
  model.temperature = 1.37f;  // not exact in decimal
  model.unsure_below = 0.37f;
  const auto read = parse_metadata(serialize_metadata(model));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->labels, model.labels);
  EXPECT_EQ(read->others, model.others);
  EXPECT_EQ(read->preprocess, model.preprocess);
  EXPECT_EQ(read->source, model.source);
  EXPECT_EQ(read->license, model.license);
  EXPECT_EQ(read->temperature, model.temperature);
  EXPECT_EQ(read->unsure_below, model.unsure_below);

  EXPECT_THAT(serialize_metadata({}), ElementsAre(::testing::Pair("architecture", "vgg16"),
                                                  ::testing::Pair("format", "gradcam.cpp/1")));
}

TEST(Metadata, RefusesNamesWithControlCharacters) {
  for (const char* name :
       {"a\\u001b[2J", "a\\u0000b", "a\\nb", "a\x7f", "a\\u009b2J", "\xc2\x80"}) {
    EXPECT_THAT(error_of({{"labels", "[\"" + std::string(name) + "\"]"}}), HasSubstr("control"));
  }
  EXPECT_THAT(error_of({{"others", "no\tdog"}}), HasSubstr("control"));
}

TEST(Metadata, RefusesOtherVersionsAndArchitectures) {
  EXPECT_THAT(error_of({{"format", "gradcam.cpp/2"}}),
              HasSubstr("\"gradcam.cpp/2\"; this version reads gradcam.cpp/1"));
  EXPECT_THAT(error_of({{"format", "gradcam.cpp/10"}}), HasSubstr("gradcam.cpp/10"));
  EXPECT_THAT(error_of({{"architecture", "resnet50"}}), HasSubstr("\"resnet50\"; expected vgg16"));
  EXPECT_THAT(error_of({{"architecture", "vgg16-head"}}), HasSubstr("the file is a head"));
}

TEST(Metadata, RefusesBadLabels) {
  const auto labels_error = [](std::string text) {
    return error_of({{"labels", std::move(text)}});
  };
  const std::string not_an_array = "not a JSON array of strings";
  EXPECT_THAT(labels_error(""), HasSubstr(not_an_array));
  EXPECT_THAT(labels_error("pug, samoyed"), HasSubstr(not_an_array));
  EXPECT_THAT(labels_error("[\"pug\""), HasSubstr(not_an_array));
  EXPECT_THAT(labels_error("{\"0\":\"pug\"}"), HasSubstr(not_an_array));
  EXPECT_THAT(labels_error(std::string("[\"pug\"]\0]", 9)), HasSubstr(not_an_array));
  EXPECT_THAT(labels_error("[\"pug\", 3]"), HasSubstr("label 1 is not a non-empty string"));
  EXPECT_THAT(labels_error("[\"\"]"), HasSubstr("label 0 is not a non-empty string"));
  EXPECT_THAT(labels_error("[[\"pug\"]]"), HasSubstr("label 0 is not a non-empty string"));
  EXPECT_THAT(labels_error(R"(["pug", "beagle", "pug"])"), HasSubstr("\"pug\" occurs twice"));
  // Nesting within the limit on text, and text beyond it.
  EXPECT_THAT(labels_error(std::string(500'000, '[')), HasSubstr(not_an_array));
  EXPECT_THAT(labels_error(std::string(500'000, '[') + std::string(500'000, ']')),
              HasSubstr(not_an_array));
  EXPECT_THAT(labels_error("[\"pug\"]" + std::string(1 << 20, ' ')), HasSubstr("more than 1 MiB"));
}

TEST(Metadata, LabelsMustComeBackAsTheyAre) {
  EXPECT_TRUE(check_labels({"pug", "K\u00f6ter"}).has_value());
  const auto error = [](const std::vector<std::string>& labels) {
    const auto status = check_labels(labels);
    return status ? std::string() : status.error().message;
  };
  EXPECT_THAT(error({"pug", "K\xf6ter"}), HasSubstr("is not UTF-8"));
  EXPECT_THAT(error({"caf\xe8", "caf\xe9"}), HasSubstr("occurs twice"));
  EXPECT_THAT(error({"pug", ""}), HasSubstr("label 1 is not a non-empty string"));
  EXPECT_THAT(error({std::string(1 << 20, 'a')}), HasSubstr("more than 1 MiB"));
}

TEST(Metadata, RefusesBadTemperatures) {
  for (const char* text :
       {"", "warm", "0", "-1", "1e39", "1e-46", "1e999", "nan", "null", "[1]", "1 2", "\"1\""}) {
    EXPECT_THAT(error_of({{"temperature", text}}), HasSubstr("not a positive number")) << text;
  }
  for (const char* text : {"1", "0.5", "2e0", " 3.25 "}) {
    EXPECT_EQ(error_of({{"temperature", text}}), "") << text;
  }
}

TEST(Metadata, RefusesBadThresholds) {
  for (const char* text : {"", "half", "-0.1", "1.01", "1e999", "nan", "null", "[0.5]"}) {
    EXPECT_THAT(error_of({{"unsure_below", text}}), HasSubstr("not a number between 0 and 1"))
        << text;
  }
  for (const char* text : {"0", "0.5", "1", "5e-1"}) {
    EXPECT_EQ(error_of({{"unsure_below", text}}), "") << text;
  }
}

/// A parser that compares every key of an object with all before it would take half a minute.
TEST(Metadata, RefusesObjectsAtOnce) {
  std::string object = "{";
  for (int i = 0; object.size() < 1'000'000; ++i) {
    object += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  }
  object += "}";
  for (const char* key : {"labels", "temperature", "unsure_below"}) {
    EXPECT_FALSE(parse_metadata({{key, object}}).has_value()) << key;
  }
  for (const std::string& labels : {"[" + object + "]", std::string(R"(["a",{}])"),
                                    std::string(R"([{},"a"])"), std::string(R"(["a",[{}]])")}) {
    EXPECT_FALSE(parse_metadata({{"labels", labels}}).has_value());
  }
  const auto braces = parse_metadata({{"labels", R"(["{a}","b{"])"}});
  ASSERT_TRUE(braces.has_value());
  EXPECT_THAT(braces->labels, ElementsAre("{a}", "b{"));
}

}  // namespace
}  // namespace gradcam
