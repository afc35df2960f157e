"""ONNX Runtime for node, installed below a folder by npm."""
import os
import shutil
import subprocess


def node_modules(folder, runtime):
    """NODE_PATH of `runtime` (a package with its version), installed below `folder` when it is not
    there yet. Raises RuntimeError, in words, without node, npm or the network."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise RuntimeError("node and npm are not here")
    modules = os.path.join(folder, "node_modules")
    if not os.path.isdir(os.path.join(modules, "onnxruntime-node", "dist")):
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                               "--prefix", folder, runtime], capture_output=True, text=True,
                              timeout=240)
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install {runtime}\n{done.stderr[-400:]}")
    return modules
