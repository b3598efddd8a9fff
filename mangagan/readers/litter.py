"""Files that operating systems, NAS systems, phones and sync tools put between the files of a user."""

from collections import Counter
from collections.abc import Iterable

# Names in lower case. The path of a file is litter if one of its folders has such a name.
LITTER_FOLDERS = frozenset(
    {
        "@eadir", "@tmp", "#recycle", "#snapshot", "@sharebin",                          # Synology
        "@recycle", "@recently-snapshot", ".@__thumb", ".@__desc", ".@upload_cache",     # QNAP
        ".recycle", ".recycle_bin", "$recycle.bin", "recycler", "recycled", "system volume information",
        ".spotlight-v100", ".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".mobilebackups", "__macosx",
        ".thumbnails", ".thumbs", ".thumbcache", ".tmb", ".xvpics", ".picasaoriginals",  # phones and viewers
        ".stversions", ".stfolder", ".sync", ".dropbox.cache", ".owncloudsync", ".resilio",
        "lost+found", ".snapshot", ".snapshots", ".zfs", ".git", ".svn", ".hg", ".dvc",
    }
)  # fmt: skip
LITTER_FOLDER_PREFIXES = (".trash", ".fuse_hidden", "@synologyworkingdirectory")
LITTER_FILES = frozenset(
    {
        ".ds_store", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", ".localized", ".apdisk",
        ".directory", ".picasa.ini", "picasa.ini", ".nomedia", "comicinfo.xml", ".stignore", ".dropbox",
        ".dropbox.attr", ".sync.ffs_db", ".gitkeep", ".gitignore", ".dvcignore", ".gitattributes", "sync.ffs_lock",
    }
)  # fmt: skip
LITTER_FILE_PREFIXES = ("._", ".fuse_hidden", ".nfs0", ".smbdelete", ".~lock.", "~$", "synofile_thumb_", ".thumbdata")


def is_litter_folder(name: str) -> bool:
    """Return True if a folder of this name is litter, with all files in it."""
    name = name.lower()
    return name in LITTER_FOLDERS or name.startswith(LITTER_FOLDER_PREFIXES)


def is_litter_file(name: str) -> bool:
    """Return True if a file of this name is litter, wherever it is."""
    name = name.lower()
    return name in LITTER_FILES or name.startswith(LITTER_FILE_PREFIXES)


def is_litter(path: str) -> bool:
    """Return True if the file, or one of its folders, is litter.

    Args:
        path: Path with forward slashes, relative to the folder or container of the user.
    """
    *folders, file = path.split("/")
    return is_litter_file(file) or any(is_litter_folder(folder) for folder in folders)


def describe_litter(folders: Iterable[str]) -> str:
    """Return the skipped folders and how often each name occurs, for example "@eaDir (12), .thumbnails (1)".

    Args:
        folders: Names of the folders, one for each that was skipped.
    """
    return ", ".join(f"{name} ({count})" for name, count in Counter(folders).most_common())
