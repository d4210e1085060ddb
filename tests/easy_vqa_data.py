"""Data of the form that the package ``easy-vqa`` has."""

import json

from PIL import Image


def write_easy_vqa(folder):
    """Write 30 pictures of one shape, with two questions each, and return the folder."""
    colours = {"red": (200, 30, 30), "teal": (0, 128, 128), "gray": (128, 128, 128)}
    names = list(colours)
    for part, count in (("train", 20), ("test", 10)):
        (folder / part / "images").mkdir(parents=True)
        questions = []
        for number in range(count):
            colour = names[number % 3]
            picture = Image.new("RGB", (64, 64), (240, 240, 240))
            picture.paste(colours[colour], (10, 10, 40, 40))
            picture.save(folder / part / "images" / f"{number}.png")
            questions.append(["what color is the shape?", colour, number])
            answer = "yes" if number % 2 else "no"
            questions.append(["is there a circle in the image?", answer, number])
        (folder / part / "questions.json").write_text(json.dumps(questions))
    (folder / "answers.txt").write_text("\n".join(["teal", "no", *names[::2], "yes"]) + "\n")
    return folder
