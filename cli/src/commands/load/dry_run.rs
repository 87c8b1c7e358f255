//! What a load would do, for people and for programs.

use larder_engine::{Foreseen, ForeseenImage, ForeseenLayer, LayerOrigin};
use serde_json::{Value, json};

use crate::output::{size, table, text};

/// Each image with its layers, and the sum at the end.
pub fn text(foreseen: &Foreseen) -> String {
    let images: Vec<String> = foreseen.images.iter().map(image_text).collect();
    format!(
        "{}\n{} read, {} of it new; nothing was loaded.\n",
        images.join("\n"),
        size::long(foreseen.input_bytes),
        size::long(foreseen.new_bytes)
    )
}

fn image_text(foreseen: &ForeseenImage) -> String {
    let image = &foreseen.image;
    let mut lines = String::new();
    for name in &image.references {
        lines.push_str(&format!("Would load image: {}\n", name.familiar()));
    }
    for (name, old) in &image.replaced {
        lines.push_str(&format!("The name {} would move here from the image {old}\n", name.familiar()));
    }
    for (name, other) in &image.kept {
        lines.push_str(&format!("The name {} would stay with the image {other}\n", name.familiar()));
    }
    let there = if foreseen.is_there { ", there already" } else { "" };
    let what = if image.references.is_empty() { "Would load image ID" } else { "Image ID" };
    lines.push_str(&format!("{what}: {}{there}\n", image.id));
    let mut rows = "PLATFORM\tLAYER\tSTATE\tSIZE\tNEW\n".to_owned();
    for platform in &foreseen.platforms {
        for layer in &platform.layers {
            let (state, new_bytes) = state(layer);
            rows.push_str(&format!(
                "{}\t{}\t{}\t{}\t{}\n",
                text::in_one_cell(&platform.platform.to_string()),
                layer.diff_id.0.short(),
                state,
                size::short(layer.bytes),
                size::short(new_bytes)
            ));
        }
    }
    lines + &table::align(&rows)
}

/// How a layer is told, and how much of it is new.
fn state(layer: &ForeseenLayer) -> (&'static str, u64) {
    match layer.origin {
        LayerOrigin::Store => ("there already", 0),
        LayerOrigin::Above => ("as above", 0),
        LayerOrigin::Archive { new_bytes } => ("new", new_bytes),
    }
}

/// All of it as one object.
pub fn json(foreseen: &Foreseen) -> String {
    let images: Vec<Value> = foreseen.images.iter().map(image_json).collect();
    let all = json!({
        "Images": images, "ReadBytes": foreseen.input_bytes, "NewBytes": foreseen.new_bytes,
    });
    format!("{all}\n")
}

fn image_json(foreseen: &ForeseenImage) -> Value {
    let image = &foreseen.image;
    let layer = |layer: &ForeseenLayer| {
        let (state, new_bytes) = state(layer);
        json!({
            "DiffID": layer.diff_id.to_string(), "State": state, "Bytes": layer.bytes, "NewBytes": new_bytes,
        })
    };
    let platforms: Vec<Value> = foreseen
        .platforms
        .iter()
        .map(|platform| {
            let layers: Vec<Value> = platform.layers.iter().map(layer).collect();
            json!({"Platform": platform.platform.to_string(), "Layers": layers})
        })
        .collect();
    let others = |names: &[(larder_engine::Reference, larder_engine::ImageId)]| -> Vec<Value> {
        names.iter().map(|(name, id)| json!({"Name": name.familiar(), "Image": id.to_string()})).collect()
    };
    json!({
        "ID": image.id.to_string(),
        "Digest": image.target.to_string(),
        "Exists": foreseen.is_there,
        "Names": image.references.iter().map(|name| name.familiar()).collect::<Vec<_>>(),
        "Moved": others(&image.replaced),
        "Kept": others(&image.kept),
        "Platforms": platforms,
    })
}
