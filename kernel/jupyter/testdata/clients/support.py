"""What the tests of the clients share."""

import os
import tempfile
import unittest

from jupyter_client import KernelManager
from jupyter_kernel_test.msgspec_v5 import schema_fragments, validate_message

PATIENCE = 60  # for a machine that is busy; nothing waits that long


class KernelCase(unittest.TestCase):
    """A class of tests that share a kernel."""

    @classmethod
    def setUpClass(cls):
        file = os.path.join(tempfile.mkdtemp(), "kernel-the-id.json")  # as servers name it
        cls.km = KernelManager(kernel_name="gsmlab", connection_file=file)
        cls.km.start_kernel()
        cls.kc = cls.km.client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(timeout=PATIENCE)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        cls.km.shutdown_kernel()

    def setUp(self):
        for channel in (self.kc.shell_channel, self.kc.iopub_channel):
            while channel.msg_ready():
                channel.get_msg(timeout=1)
        self.gate = os.path.join(tempfile.mkdtemp(), "gate")

    def wait_code(self):
        """Go that says "started" and runs until open_gate."""
        return f"""fmt.Println("started")
for {{
	if _, err := os.Stat({quoted(self.gate)}); err == nil {{
		break
	}}
	time.Sleep(5 * time.Millisecond)
}}"""

    def open_gate(self):
        open(self.gate, "w").close()

    def reply(self, msg_id, channel=None):
        """The reply to a request; all messages on the way must be for it."""
        msg = (channel or self.kc.shell_channel).get_msg(timeout=PATIENCE)
        validate_message(msg, None, msg_id)
        self.assertEqual(msg["parent_header"]["msg_id"], msg_id, msg)
        return msg

    def outputs(self, msg_id, until="idle"):
        """What iopub has for a request until its idle, or until a message that makes until true."""
        found = []
        while True:
            msg = self.kc.iopub_channel.get_msg(timeout=PATIENCE)
            if msg["msg_type"] in schema_fragments:  # it has none for comms
                validate_message(msg)
            if msg["parent_header"].get("msg_id") != msg_id:
                continue
            found.append(msg)
            if until == "idle" and state(msg) == "idle" or callable(until) and until(msg):
                return found

    def next_message(self, wanted):
        """The next message on iopub for which wanted is true."""
        while True:
            msg = self.kc.iopub_channel.get_msg(timeout=PATIENCE)
            if wanted(msg):
                return msg

    def started(self, msg_id):
        return self.outputs(msg_id, until=lambda msg: text([msg]).endswith("started\n"))

    def run_cell(self, code, **options):
        """The content of the reply and what was published, status and input aside."""
        msg_id = self.kc.execute(code, **options)
        content = self.reply(msg_id)["content"]
        shown = [m for m in self.outputs(msg_id) if m["msg_type"] not in ("status", "execute_input")]
        return content, shown

    def value(self, code):
        content, shown = self.run_cell(code)
        self.assertEqual(content["status"], "ok", content)
        return shown[-1]["content"]["data"]["text/plain"]


def quoted(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def state(msg):
    return msg["content"].get("execution_state")


def states(msgs):
    return [state(m) for m in msgs if m["msg_type"] == "status"]


def text(msgs, name="stdout"):
    return "".join(m["content"]["text"] for m in msgs if m["msg_type"] == "stream" and m["content"]["name"] == name)
