#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/progress.h"
#include "gradcam/image/preprocess.h"
#include "gradcam/weights/convert_model.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kImageNetClasses = 1000;
constexpr std::string_view kImageNetDogs = "imagenet-dogs";

struct ImageNetDog {
  std::string_view label;
  std::size_t index;  // among the 1000 classes of ImageNet
};

// The breeds of the default model, in its order.
constexpr std::array kDogs = {
    ImageNetDog{"beagle", 162},
    ImageNetDog{"golden_retriever", 207},
    ImageNetDog{"samoyed", 258},
    ImageNetDog{"shih_tzu", 155},
    ImageNetDog{"old_english_sheepdog", 229},
    ImageNetDog{"border_terrier", 182},
    ImageNetDog{"rhodesian_ridgeback", 159},
    ImageNetDog{"english_springer", 217},
    ImageNetDog{"australian_terrier", 193},
    ImageNetDog{"pug", 254},
    ImageNetDog{"siberian_husky", 250},
    ImageNetDog{"bernese_mountain_dog", 239},
    ImageNetDog{"pembroke_welsh_corgi", 263},
    ImageNetDog{"german_shepherd", 235},
    ImageNetDog{"pomeranian", 259},
};

struct ConvertCommand {
  std::string in;
  std::string out;
  std::string dtype = "f32";
  std::string labels;
  std::string head;
};

std::unexpected<Error> with_name(const std::string& name, const Error& error) {
  return fail(error.code, name + ": " + error.message);
}

/// The lines of a file: a label for each class.
Result<std::vector<std::string>> read_labels(const std::string& path, std::size_t classes) {
  const auto bytes = read_file(path);
  if (!bytes) return with_name(path, bytes.error());
  std::vector<std::string> labels(1);
  constexpr std::array<std::uint8_t, 3> kByteOrderMark = {0xEF, 0xBB, 0xBF};
  const bool has_mark = bytes->size() >= kByteOrderMark.size() &&
                        std::equal(kByteOrderMark.begin(), kByteOrderMark.end(), bytes->begin());
  for (const std::uint8_t byte : std::span(*bytes).subspan(has_mark ? kByteOrderMark.size() : 0)) {
    if (byte == '\n') {
      labels.emplace_back();
    } else if (byte != '\r') {
      labels.back().push_back(static_cast<char>(byte));
    }
  }
  if (labels.back().empty()) labels.pop_back();
  const auto wrong = [&path](const std::string& fault) {
    return fail(ErrorCode::kInvalidArgument, path + ": " + fault);
  };
  if (labels.size() != classes) {
    return wrong("it has " + std::to_string(labels.size()) + " lines, but the model has " +
                 std::to_string(classes) + " classes; expected is one label a line");
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string line = "line " + std::to_string(i + 1);
    if (labels[i].empty()) return wrong(line + " is empty; expected is one label a line");
    const auto first = std::ranges::find(labels, labels[i]) - labels.begin();
    if (first != static_cast<std::ptrdiff_t>(i)) {
      return wrong(line + " repeats line " + std::to_string(first + 1) + ", \"" + labels[i] + "\"");
    }
  }
  return labels;
}

/// What the new file is to be, from what the old one says and the command asks for.
Result<ConvertOptions> plan(const SafetensorsHeader& header, const ConvertCommand& command) {
  ConvertOptions options;
  options.precision = precision_from_name(command.dtype).value_or(Precision::kFloat32);
  const bool new_labels = !command.labels.empty() || !command.head.empty();
  // Everything about the old file is checked before anything is written; only labels that are to
  // be replaced need not fit.
  SafetensorsHeader checked = header;
  if (new_labels) checked.metadata.erase("labels");
  GRADCAM_TRY(options.metadata, parse_metadata(checked.metadata));
  GRADCAM_TRY(const Vgg16Loader loader, Vgg16Loader::begin(std::move(checked)));
  if (options.metadata.preprocess.empty()) {
    options.metadata.preprocess = to_json(loader.info().preprocess);
  }
  const std::size_t classes = loader.info().metadata.labels.size();
  if (command.head == kImageNetDogs) {
    if (classes != kImageNetClasses) {
      return fail(ErrorCode::kInvalidArgument,
                  "--head " + std::string(kImageNetDogs) + " needs a model of the 1000 classes " +
                      "of ImageNet, but this one has " + std::to_string(classes));
    }
    for (const ImageNetDog& dog : kDogs) {
      options.classes.push_back(dog.index);
      options.metadata.labels.emplace_back(dog.label);
    }
    options.others = true;
    options.metadata.others = "something else";
  } else if (new_labels) {
    options.metadata.labels = loader.info().metadata.labels;  // as many as there are to be
  }
  return options;
}

/// Returns the size of the new file.
Result<std::uint64_t> convert(ModelFile& in, const ConvertCommand& command) {
  auto options = plan(in.header(), command);
  if (!options) return with_name(command.in, options.error());
  if (!command.labels.empty()) {
    std::vector<std::string>& labels = options->metadata.labels;
    GRADCAM_TRY(labels, read_labels(command.labels, labels.size()));
    if (const auto status = check_labels(labels); !status) {
      return with_name(command.labels, status.error());
    }
  }
  const auto tensors = converted_tensors(in.header(), *options);
  if (!tensors) return with_name(command.in, tensors.error());
  const std::uint64_t data = tensors->back().end;

  GRADCAM_TRY(NewFile out, NewFile::create(command.out, data));
  std::uint64_t written = 0;
  std::uint64_t header = 0;
  Result<void> writing;
  const auto status = convert_model(
      in.header(), *options,
      [&in](std::uint64_t offset, std::span<std::uint8_t> bytes) { return in.read(offset, bytes); },
      [&](std::span<const std::uint8_t> bytes) {
        writing = out.write(bytes);
        if (written == 0) header = bytes.size();
        written += bytes.size();
        if (writing && written > header) show_progress(written - header, data, "MB", 1e6);
        return writing;
      });
  if (!writing) return std::unexpected(writing.error());
  if (!status) return with_name(command.in, status.error());
  GRADCAM_CHECK_OK(out.commit());
  return written;
}

Result<void> run_convert(const ConvertCommand& command) {
  auto in = ModelFile::open(command.in);
  if (!in) return with_name(command.in, in.error());
  std::error_code error;
  if (fs::equivalent(command.in, command.out, error)) {
    return fail(ErrorCode::kInvalidArgument,
                command.out + " is the file that is to be converted; choose another name");
  }
  GRADCAM_TRY(const std::uint64_t size, convert(*in, command));
  std::printf("%s: %s, %.1f MB (%s has %.1f MB)\n", command.out.c_str(), command.dtype.c_str(),
              static_cast<double>(size) / 1e6, command.in.c_str(),
              static_cast<double>(in->size()) / 1e6);
  return {};
}

}  // namespace

void add_convert(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ConvertCommand>();
  CLI::App* command = app.add_subcommand(
      "convert",
      "Write a model again: names of torchvision or timm to ours, smaller numbers, "
      "other labels.");
  command->add_option("in", options->in, "A safetensors file")->required();
  command->add_option("out", options->out, "The new safetensors file")->required();
  command
      ->add_option("--dtype", options->dtype,
                   "Numbers: f32; f16, half the size; int8, a quarter; int4, a seventh")
      ->check(CLI::IsMember({"f32", "f16", "int8", "int4"}))
      ->capture_default_str();
  command->add_option("--labels", options->labels, "The classes' names, a line each");
  command
      ->add_option("--head", options->head,
                   "imagenet-dogs: of ImageNet's 1000 classes, keep the 15 breeds of the default "
                   "model; the rest together are \"something else\"")
      ->check(CLI::IsMember({std::string(kImageNetDogs)}));
  command->callback([options, &exit_code] {
    const auto status = run_convert(*options);
    if (!status) exit_code = report_failure(status.error());
  });
}

}  // namespace gradcam
