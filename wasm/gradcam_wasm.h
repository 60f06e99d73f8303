#pragma once

/// The boundary between the engine and JavaScript: C functions over plain buffers, wrapped by the
/// class `Engine` in engine.ts, which is what the page uses. Rules:
///  - Pointers are offsets into the module's memory. Input buffers come from `gradcam_alloc`.
///  - `int32_t` results are 0 for success and 1 for failure. After either, `gradcam_message`
///    holds one JSON text: the result's description, or {"code": "...", "message": "..."}.
///  - Bulk results (floats, pixels, PNG bytes) are left at `gradcam_data`, valid until the next
///    call with the same engine.
///  - Any call may grow the memory: views on it must be made anew after every call.
///  - One engine holds one model and one photo at a time; engines share nothing.
///  - What `Engine` calls as well has one name: `setCrop` is `gradcam_photo_set_crop`.

#include <stdint.h>

extern "C" {

typedef struct gradcam_engine gradcam_engine;

/// Memory for input buffers; 0 when there is none left.
void* gradcam_alloc(uint32_t bytes);
void gradcam_free(void* pointer);

/// Runs the loops of a network on zeros for some tens of milliseconds. Browsers compile a function
/// twice: at once, and better when it has been busy for long; so the first photo need not wait for
/// that. One engine does it for all that are made of the same compiled module.
void gradcam_warm_up(void);

/// A new engine without a model, or 0 when out of memory.
gradcam_engine* gradcam_create(void);
void gradcam_destroy(gradcam_engine* engine);

/// The JSON text of the last call on this engine (UTF-8, not zero-terminated).
const char* gradcam_message(const gradcam_engine* engine);
uint32_t gradcam_message_bytes(const gradcam_engine* engine);

/// The bulk result of the last call on this engine.
const void* gradcam_data(const gradcam_engine* engine);
uint32_t gradcam_data_bytes(const gradcam_engine* engine);

/// {"version": "...", "simd": "none" | "simd128" | "relaxed", "colormaps": [...], "methods":
/// [{"name": "gradcam", "title": "Grad-CAM", "about": "...", "caption": "where it looked for {}",
/// "in_passes": [layers at which it takes many forward passes], "all_at_once": [layers at which the
/// maps of all classes take little longer than one], "has_layer": true, "tries_channels": false,
/// "is_decoration": false, "is_against": false, "is_comparable": true, as
/// gradcam/explain/methods.h has it}, ...], "layers": ["block1_conv1", ..., "block5_conv3",
/// "block5_pool"], "receptive_fields": [{"size": 3, "stride": 1}, ... of a cell of each of the
/// layers (gradcam/vgg16/plan.h)], "usual": {"method": "gradcam", "layer": "block5_conv3",
/// "channels": 32}, "max_members": 8}. All of it is `EngineInfo` in types.ts.
int32_t gradcam_about(gradcam_engine* engine);

/// Loads a safetensors file piece by piece, so that it is never in memory as a whole.
/// First the header: pass the first 8 bytes to learn its length, {"header_bytes": n}.
int32_t gradcam_model_header_bytes(gradcam_engine* engine, const uint8_t* bytes, uint32_t count,
                                   double file_bytes);
/// Then, if need be, those n bytes to learn what the network will take before it is loaded:
/// {"multiply_adds": of a forward pass}. Changes nothing.
int32_t gradcam_model_describe(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                               double file_bytes);
/// Then the same n bytes to begin: {"tensors": [{"index": n, "name": "...", "begin": absolute
/// offset, "end": ..., "row_bytes": ...}, ...]} in the order in which they must come. If this
/// engine is only one of several `members` (counted from 0) that divide the model, these are the
/// rows of its own share; with 1 member it has all of them. With `low_memory` other than 0 the
/// weights of the convolutions stay as they are stored, which takes longer. With `leave_fc1`, for
/// the only member, those of fc1 stay in the file, to be read when needed. A header that is refused
/// changes nothing; otherwise the previous model goes, to make room.
int32_t gradcam_model_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                            double file_bytes, uint32_t member, uint32_t members,
                            uint32_t low_memory, uint32_t leave_fc1);
/// Hands over the next bytes of the tensor with this index: all of them, or any number of whole
/// rows, so that a tensor of 400 MB need not be in memory twice. They may be freed afterwards.
int32_t gradcam_model_tensor(gradcam_engine* engine, uint32_t index, const uint8_t* bytes,
                             uint32_t count);
/// Ends loading: {"architecture": "vgg16", "labels": [...], "classes": 15, "parameters": n,
/// "preprocess": {...}, "source": "...", "license": "...", "layers": [{"name": "block1_conv1",
/// "output": [224, 224, 64], "dtype": "F16"}, ...], ...}, all of which is `ModelInfo` in types.ts.
int32_t gradcam_model_finish(gradcam_engine* engine);

/// Puts the last layer in a head file (gradcam/vgg16/head.h) in the place of the model's own, which
/// 0 bytes put back; gives the description of the model as gradcam_model_finish does. What was
/// classified is forgotten. On failure nothing is changed.
int32_t gradcam_model_use_head(gradcam_engine* engine, const uint8_t* bytes, uint32_t count);

/// Begins to convert a model file to "f32", "f16", "int8" or "int4", for which the engine needs no
/// model of its own. Takes the header as gradcam_model_begin does. `labels`: the text of a file
/// that names the classes (import/labels.h), or nothing. The beginning of the new file is at
/// gradcam_data: {"bytes": of the new file, "wanted": [begin, end] of the old one}.
int32_t gradcam_convert_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                              double file_bytes, const char* precision, uint32_t precision_bytes,
                              const char* labels, uint32_t labels_bytes);
/// The same for a model file of Keras, PyTorch or ONNX (import/importing_converter.h), of which no
/// header is to be read before; `name` is the file's. `beside_bytes`: of the file that has an ONNX
/// file's weights and follows it, 0 if there is none. `values`: "keras", "torchvision" or "unit" if
/// it was trained with other ones than its program is known for. The new file begins later: "bytes"
/// is 0 until then.
int32_t gradcam_import_begin(gradcam_engine* engine, double file_bytes, double beside_bytes,
                             const char* precision, uint32_t precision_bytes, const char* name,
                             uint32_t name_bytes, const char* values, uint32_t values_bytes,
                             const char* labels, uint32_t labels_bytes);
/// Takes the bytes that are wanted, perhaps none; the next bytes of the new file, perhaps none, are
/// at gradcam_data. {"bytes": of the new file, "wanted": [begin, end], or null at the end}.
int32_t gradcam_convert_piece(gradcam_engine* engine, const uint8_t* bytes, uint32_t count);

/// What the first bytes of a file announce, of which 1024 are enough: {"format": "webp", "refusal":
/// what gradcam_photo_decode says of that, {"code": .., "message": ..}, or null if it reads it}.
int32_t gradcam_photo_sniff(gradcam_engine* engine, const uint8_t* bytes, uint32_t count);
/// Decodes an image file: {"width": w, "height": h, "format": "jpeg", "crop": {"x": .., "y": ..,
/// "width": .., "height": ..}}. The crop is what the network sees; all of it without a model.
int32_t gradcam_photo_decode(gradcam_engine* engine, const uint8_t* bytes, uint32_t count);
/// Takes pixels that a browser decoded (RGBA, upright) in the place of an image file.
int32_t gradcam_photo_set_pixels(gradcam_engine* engine, const uint8_t* rgba, int32_t width,
                                 int32_t height);
/// From now on the network is shown this part of the photo, in pixels; of no width and height, the
/// usual crop again, that of the model at work. {"x": .., "y": .., "width": .., "height": ..}. What
/// was classified is forgotten.
int32_t gradcam_photo_set_crop(gradcam_engine* engine, double x, double y, double width,
                               double height);
/// The photo as RGBA at gradcam_data, shrunk so that no side exceeds max_side:
/// {"width": w, "height": h}.
int32_t gradcam_photo_preview(gradcam_engine* engine, int32_t max_side);

/// What a model that takes photos in this way, which is the "preprocess" of gradcam_model_finish,
/// is shown of the photo: its first `views` views (gradcam/train/views.h), float32 [views, size,
/// size, 3] at gradcam_data, and {"crop": the part that it sees}. This engine needs no model: it
/// may prepare photos for another one.
int32_t gradcam_photo_prepare(gradcam_engine* engine, const char* preprocess,
                              uint32_t preprocess_bytes, uint32_t views);
/// What the model was shown when it classified last: float32 [size, size, 3] at gradcam_data.
int32_t gradcam_photo_shown(gradcam_engine* engine);
/// Takes `count` floats that another engine prepared, or this one was shown before, in the place of
/// a photo: there is none then, and only these views of it can be classified.
int32_t gradcam_photo_set_prepared(gradcam_engine* engine, const float* views, uint32_t count);

/// An engine is one of the members that divide a model, often the only one. All of them begin; then
/// each steps, and gets the messages that the others have for it, until it is done. Messages of
/// one member to another must arrive in their order. Photos are member 0's, and so are the results.

/// Begins to classify a view of the photo (gradcam/train/views.h; 0 is the photo itself), and
/// forgets what was under way. No message may be given to an engine that has not begun. Maps by
/// `method`, at or behind `layer`, will not need this again.
int32_t gradcam_members_begin_forward(gradcam_engine* engine, uint32_t view, const char* method,
                                      uint32_t method_bytes, const char* layer,
                                      uint32_t layer_bytes);
/// After that is done: begins to make heatmaps for `count` classes, by a method and at a layer that
/// gradcam_about lists; `channels` is how many of them Score-CAM tries, 0 for all. When it is done,
/// gradcam_passes_left has the rest. The first map below block5 takes longer: weights are packed
/// for it.
int32_t gradcam_members_begin_explain(gradcam_engine* engine, const int32_t* classes,
                                      uint32_t count, const char* method, uint32_t method_bytes,
                                      const char* layer, uint32_t layer_bytes, uint32_t channels);
/// At member 0, when the photo is classified: begins to measure whether a heatmap of a class of it,
/// of rows * cols floats, shows what the network used; that takes passes
/// (gradcam/evaluate/trust.h).
int32_t gradcam_members_begin_measure(gradcam_engine* engine, int32_t class_index,
                                      const float* heatmap, int32_t rows, int32_t cols);
/// Begins one of the forward passes that are left, at all members; `from` is what
/// gradcam_passes_left says of them, nothing for null. After it, what was classified is forgotten.
int32_t gradcam_members_begin_pass(gradcam_engine* engine, const char* from, uint32_t from_bytes);
/// When classifying is done: begins to bring together what a class's Grad-CAM map at a layer is
/// made of.
int32_t gradcam_members_begin_evidence(gradcam_engine* engine, int32_t class_index,
                                       const char* layer, uint32_t layer_bytes);
/// 0 if there is something to compute, 1 if a message is lacking, 2 if rows of fc1 are lacking,
/// which was left in the file, 3 at the end.
int32_t gradcam_members_progress(const gradcam_engine* engine);
/// Where the rows that are lacking are in the file, the next one first: {"begin": absolute offset,
/// "end": ..., "row_bytes": ...}.
int32_t gradcam_members_unread(gradcam_engine* engine);
/// Hands over the next of them, any number of whole ones, to be computed with. The bytes may be
/// freed afterwards.
int32_t gradcam_members_read(gradcam_engine* engine, const uint8_t* bytes, uint32_t count);
/// Computes one layer at most.
int32_t gradcam_members_step(gradcam_engine* engine);
/// Whom the next message is for, with its float32 at gradcam_data; -1 if there is none. To be asked
/// after beginning and after each step, until there is none.
int32_t gradcam_members_take_message(gradcam_engine* engine);
/// Gives this member what the member `from` has sent, of `count` numbers: returns where they must
/// be put before the next call, or 0 after a failure.
float* gradcam_members_receive(gradcam_engine* engine, uint32_t from, uint32_t count);
/// When classifying is done: {"predictions": [{"label": "beagle", "index": 0, "probability": 0.93,
/// "logit": 8.1}, ... all classes, most probable first], "others": {"label": "another breed",
/// "probability": 0.05} or null if the model does not know what is none of its classes}.
int32_t gradcam_members_predictions(gradcam_engine* engine);
/// When classifying is done: the outputs of fc2, which the last layer takes, at gradcam_data.
int32_t gradcam_members_features(gradcam_engine* engine);

/// At member 0, when all are done with explaining, or with a pass, and before the first one of
/// measuring: {"passes": how many forward passes are left, often none, "from": the layer that they
/// begin behind, null if at the input}. Whoever wants no more of them may begin something else.
int32_t gradcam_passes_left(gradcam_engine* engine);
/// When none is left, the outcome. Of explaining: float32 [count, rows, cols] in [0, 1] at
/// gradcam_data, and {"rows": 14, "cols": 14, "maps": [{"class": index, "status": "ok" | "empty" |
/// "non_finite", "maximum": of the raw map, "box": warm_cells of explain/warm.h or null}, ...]}. Of
/// measuring, as gradcam/evaluate/trust.h says:
/// {"probability": the class's, "covered_area": 0.1, "covered": probability, "covered_centre":
/// probability, "map": {"area": under the curve, "curve": [probabilities]}, "random_order": {...},
/// "centre": {...}}.
int32_t gradcam_passes_finish(gradcam_engine* engine);

/// When gradcam_members_begin_evidence is done, at member 0: the map before its ReLU as a sum,
/// {"rows": 14, "cols": 14, "channels": [{"channel": k, "alpha": its weight, "share": its part in
/// everything that was added up or taken away}, ... at most `count_for`, the strongest first, then
/// at most `count_against` that speak against the class], "others_share": of all other channels
/// together} (gradcam/explain/evidence.h). At gradcam_data is float32: the whole sum [rows, cols],
/// that of the others, the activations of the channels above, and the weights of all channels.
int32_t gradcam_members_evidence(gradcam_engine* engine, uint32_t count_for,
                                 uint32_t count_against);

/// Begins to train a last layer for the model (gradcam/train/teacher.h) on features of photos,
/// float32 [photos, views, fc2] as gradcam_members_features gives them, with a label for each:
/// {"steps": of a training, "trainings": how many, of which the first makes the layer, "groups":
/// into how many the photos are divided to be left out}.
int32_t gradcam_begin_teaching(gradcam_engine* engine, const float* features, const int32_t* labels,
                               uint32_t photos, uint32_t views);
/// Trains by some steps, as many as are left at most: {"done": whether that was all, "losses": of
/// the first training, one a step, as far as they are new, "left_out": photos that have been left
/// out, "mistakes": of those, [[photo, class that it was taken for], ...]}.
int32_t gradcam_teach(gradcam_engine* engine, uint32_t steps);
/// Ends it: a head file with these labels, a JSON array, at gradcam_data.
int32_t gradcam_finish_teaching(gradcam_engine* engine, const char* labels, uint32_t label_bytes);

/// The square around what is warm in a heatmap of rows * cols floats of this part of the photo, for
/// gradcam_photo_set_crop: {"x": .., "y": .., "width": .., "height": ..}
/// (gradcam/explain/closer.h).
int32_t gradcam_closer(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                       double x, double y, double width, double height);

/// Colours a heatmap (rows * cols floats in [0, 1]) into RGBA, not premultiplied, of width x
/// height at gradcam_data. Its alpha is the evidence's, and 0 below the threshold; draw it over the
/// crop of the photo.
int32_t gradcam_heat_rgba(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                          int32_t width, int32_t height, const char* colormap,
                          uint32_t colormap_bytes, float threshold);

/// The photo with a heatmap of this part of it over it, as PNG bytes at gradcam_data, as
/// `gradcam explain` writes with a threshold of 0. Takes no model.
int32_t gradcam_overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows,
                            int32_t cols, double x, double y, double width, double height,
                            const char* colormap, uint32_t colormap_bytes, float alpha,
                            float threshold);

}  // extern "C"
