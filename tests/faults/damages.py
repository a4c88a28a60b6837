"""Random damage to a folder: what disks, networks, careless hands and half-finished copies do to files."""

import shutil
from dataclasses import dataclass

SMALLEST_BLOCK, LARGEST_BLOCK = 1, 4096


@dataclass(frozen=True)
class Damage:
    """What was done, and the files an error may name."""

    kind: str
    names: tuple


def flip_bits(random, folder, files, others):
    file = random.choice(files)
    content = bytearray(file.read_bytes())
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    file.write_bytes(content)
    return [file]


def truncate(random, folder, files, others):
    file = random.choice(files)
    content = file.read_bytes()
    file.write_bytes(content[:random.choice((1, len(content) - 1, random.randrange(len(content))))])
    return [file]


def empty(random, folder, files, others):
    file = random.choice(files)
    file.write_bytes(b"")
    return [file]


def lengthen(random, folder, files, others):
    file = random.choice(files)
    file.write_bytes(file.read_bytes() + random.randbytes(random.randrange(1, 99)))
    return [file]


def overwrite_block(random, folder, files, others):
    """A lost page: zeros or noise in place of a block."""
    file = random.choice(files)
    content = bytearray(file.read_bytes())
    start, size = random.randrange(len(content)), random.randint(SMALLEST_BLOCK, LARGEST_BLOCK)
    size = min(size, len(content) - start)
    content[start:start + size] = random.choice((bytes(size), random.randbytes(size)))
    file.write_bytes(content)
    return [file]


def swap_blocks(random, folder, files, others):
    file = random.choice(files)
    content = file.read_bytes()
    size = random.randint(1, max(1, min(LARGEST_BLOCK, len(content) // 3)))
    first = random.randrange(max(1, len(content) - 2 * size))
    second = random.randint(first + size, max(first + size, len(content) - size))
    file.write_bytes(content[:first] + content[second:second + size] + content[first + size:second]
                     + content[first:first + size] + content[second + size:])
    return [file]


def swap_files(random, folder, files, others):
    first, second = random.sample(files, 2)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    return [first, second]


def copy_over(random, folder, files, others):
    """One file's content under another's name."""
    first, second = random.sample(files, 2)
    first.write_bytes(second.read_bytes())
    return [first]


def take_from_another(random, folder, files, others):
    """The file of that name of another folder of the same kind, itself whole."""
    file = random.choice(files)
    other = others / file.relative_to(folder)
    file.write_bytes(other.read_bytes() if other.is_file() else b"{}\n")
    return [file]


def delete(random, folder, files, others):
    file = random.choice(files)
    file.unlink()
    return [file]


def delete_folder(random, folder, files, others):
    file = random.choice([file for file in files if file.parent != folder] or files)
    gone = [one for one in files if one.parent == file.parent]
    shutil.rmtree(file.parent)
    return [file.parent, *gone]


def rename(random, folder, files, others):
    file = random.choice(files)
    target = file.with_name(f"{file.name}{random.choice(('.bak', '~', '.1', '.part'))}")
    file.rename(target)
    return [file, target]


def add_foreign(random, folder, files, others):
    file = random.choice(files)
    target = file.with_name(random.choice(("notes.txt", ".DS_Store", f"{file.stem}-copy{file.suffix}", "model.pkl")))
    target.write_bytes(random.choice((b"", file.read_bytes(), random.randbytes(64))))
    return [target]


def folder_for_file(random, folder, files, others):
    file = random.choice(files)
    file.unlink()
    file.mkdir()
    return [file]


def link_to_nothing(random, folder, files, others):
    """What a cleaned cache leaves behind."""
    file = random.choice(files)
    file.unlink()
    file.symlink_to("/nonexistent/cache/file")
    return [file]


KINDS = (flip_bits, flip_bits, flip_bits, truncate, truncate, empty, lengthen, overwrite_block, swap_blocks, swap_files,
         swap_files, copy_over, take_from_another, delete, delete, delete_folder, rename, add_foreign, folder_for_file,
         link_to_nothing)


def state(folder):
    """Return what tells two folders apart: every path with its bytes, or what else it is."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else
            ("link" if path.is_symlink() else "folder") for path in sorted(folder.rglob("*"))}


def damage(random, folder, others):
    """Do one random damage that changes the folder; `others` is another folder of the same kind.

    Args:
        random: a seeded `random.Random`.
        folder: is changed.
        others: a sound folder to take files from.
    """
    before = state(folder)
    while True:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
        kind = random.choice(KINDS)
        touched = kind(random, folder, files, others)
        after = state(folder)
        if after != before:
            return Damage(kind.__name__, tuple(path.relative_to(folder).as_posix() for path in touched
                                               if path == folder or before.get(path.relative_to(folder).as_posix())
                                               != after.get(path.relative_to(folder).as_posix())))
