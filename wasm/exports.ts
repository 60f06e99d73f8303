/** The functions of gradcam_wasm.h; pointers are offsets into `memory`. */
export interface Exports {
  memory: WebAssembly.Memory;
  _initialize?(): void;
  gradcam_alloc(bytes: number): number;
  gradcam_free(pointer: number): void;
  gradcam_warm_up(): void;
  gradcam_create(): number;
  gradcam_destroy(engine: number): void;
  gradcam_message(engine: number): number;
  gradcam_message_bytes(engine: number): number;
  gradcam_data(engine: number): number;
  gradcam_data_bytes(engine: number): number;
  gradcam_about(engine: number): number;
  gradcam_model_header_bytes(
    engine: number,
    bytes: number,
    count: number,
    fileBytes: number,
  ): number;
  gradcam_model_begin(
    engine: number,
    header: number,
    count: number,
    fileBytes: number,
    member: number,
    members: number,
    lowMemory: number,
    leaveFc1: number,
  ): number;
  gradcam_model_tensor(
    engine: number,
    index: number,
    bytes: number,
    count: number,
  ): number;
  gradcam_model_finish(engine: number): number;
  gradcam_model_head(engine: number, bytes: number, count: number): number;
  gradcam_convert_begin(
    engine: number,
    header: number,
    count: number,
    fileBytes: number,
    precision: number,
    precisionBytes: number,
  ): number;
  gradcam_convert_piece(engine: number, bytes: number, count: number): number;
  gradcam_photo_decode(engine: number, bytes: number, count: number): number;
  gradcam_photo_rgba(
    engine: number,
    rgba: number,
    width: number,
    height: number,
  ): number;
  gradcam_photo_crop(
    engine: number,
    x: number,
    y: number,
    width: number,
    height: number,
  ): number;
  gradcam_photo_preview(engine: number, maxSide: number): number;
  gradcam_closer(
    engine: number,
    heatmap: number,
    rows: number,
    cols: number,
    x: number,
    y: number,
    width: number,
    height: number,
  ): number;
  gradcam_measure(
    engine: number,
    classIndex: number,
    heatmap: number,
    rows: number,
    cols: number,
  ): number;
  gradcam_passes_left(engine: number): number;
  gradcam_passes_finish(engine: number): number;
  gradcam_evidence(engine: number, channels: number): number;
  gradcam_members_forward(
    engine: number,
    view: number,
    method: number,
    methodBytes: number,
    layer: number,
    layerBytes: number,
  ): number;
  gradcam_members_features(engine: number): number;
  gradcam_members_explain(
    engine: number,
    classes: number,
    count: number,
    method: number,
    methodBytes: number,
    layer: number,
    layerBytes: number,
    channels: number,
  ): number;
  gradcam_members_pass(engine: number, from: number, fromBytes: number): number;
  gradcam_members_evidence(engine: number, classIndex: number): number;
  gradcam_members_progress(engine: number): number;
  gradcam_members_step(engine: number): number;
  gradcam_members_unread(engine: number): number;
  gradcam_members_read(engine: number, bytes: number, count: number): number;
  gradcam_members_send(engine: number): number;
  gradcam_members_receive(engine: number, from: number, count: number): number;
  gradcam_members_predictions(engine: number): number;
  gradcam_teach_begin(
    engine: number,
    features: number,
    labels: number,
    photos: number,
    views: number,
  ): number;
  gradcam_teach_step(engine: number, steps: number): number;
  gradcam_teach_finish(
    engine: number,
    labels: number,
    labelBytes: number,
  ): number;
  gradcam_heat_rgba(
    engine: number,
    heatmap: number,
    rows: number,
    cols: number,
    width: number,
    height: number,
    colormap: number,
    colormapBytes: number,
  ): number;
  gradcam_overlay_png(
    engine: number,
    heatmap: number,
    rows: number,
    cols: number,
    x: number,
    y: number,
    width: number,
    height: number,
    colormap: number,
    colormapBytes: number,
    alpha: number,
  ): number;
}
