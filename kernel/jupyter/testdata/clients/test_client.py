"""What jupyter_kernel_test leaves out, through jupyter_client."""

import base64
import json
import os
import signal
import stat
import subprocess
import tempfile
import unittest

import nbformat
import zmq
from jupyter_client import BlockingKernelClient, KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from support import PATIENCE, KernelCase, state, states, text


class Messages(KernelCase):
    def test_every_request_is_busy_then_idle_with_its_own_header(self):
        for msg_type, reply_type, content in [
            ("kernel_info_request", "kernel_info_reply", {}),
            ("complete_request", "complete_reply", {"code": "%w", "cursor_pos": 2}),
            ("inspect_request", "inspect_reply", {"code": "%who", "cursor_pos": 2, "detail_level": 0}),
            ("history_request", "history_reply", {"hist_access_type": "tail", "n": 1, "output": False, "raw": True}),
            ("history_request", "history_reply", {"hist_access_type": "sideways"}),
            ("is_complete_request", "is_complete_reply", {"code": "1"}),
            ("comm_info_request", "comm_info_reply", {}),
            ("connect_request", "connect_reply", {}),
            ("execute_request", "execute_reply", {"code": "1"}),
            ("execute_request", "execute_reply", {"code": 1}),
            ("create_subshell_request", "create_subshell_reply", {}),
        ]:
            for channel in (self.kc.shell_channel, self.kc.control_channel):
                if channel is self.kc.control_channel and msg_type == "execute_request":
                    continue
                with self.subTest(msg_type=msg_type, content=content):
                    request = self.kc.session.msg(msg_type, content)
                    request["header"]["extra"] = {"kept": ["as", "it", "is"]}
                    channel.send(request)
                    reply = channel.get_msg(timeout=PATIENCE)
                    self.assertEqual(reply["msg_type"], reply_type)
                    self.assertEqual(reply["parent_header"]["extra"], {"kept": ["as", "it", "is"]})
                    shown = self.outputs(request["header"]["msg_id"])
                    self.assertEqual(states(shown), ["busy", "idle"])
                    self.assertEqual(shown[0]["parent_header"]["extra"], {"kept": ["as", "it", "is"]})

    def test_kernel_info(self):
        info = self.reply(self.kc.kernel_info())["content"]
        self.assertEqual(info["protocol_version"], "5.5")
        language = info["language_info"]
        self.assertEqual((language["name"], language["mimetype"], language["file_extension"]), ("go", "text/x-go", ".go"))
        self.assertIn("%help", info["banner"])

    def test_a_debug_request_that_is_not_known_is_refused(self):
        request = self.kc.session.msg("debug_request", {"type": "request", "seq": 7, "command": "teleport", "arguments": {}})
        self.kc.control_channel.send(request)
        content = self.kc.control_channel.get_msg(timeout=PATIENCE)["content"]
        self.assertEqual((content["success"], content["request_seq"], content["command"]), (False, 7, "teleport"))

    def test_streams_come_in_order_and_as_they_are_printed(self):
        msg_id = self.kc.execute("fmt.Print(1)\nfmt.Fprint(os.Stderr, 2)\nfmt.Print(\"three\\n\")\n" + self.wait_code())
        early = self.started(msg_id)
        self.open_gate()
        self.reply(msg_id)
        self.assertEqual(text(early), "1three\nstarted\n")
        self.assertEqual(text(early + self.outputs(msg_id), "stderr"), "2")

    def test_what_goroutines_print_later(self):
        msg_id = self.kc.execute('go func() {\n\ttime.Sleep(300 * time.Millisecond)\n\tfmt.Println("late")\n}()')
        self.reply(msg_id)
        self.outputs(msg_id)
        late = self.next_message(lambda m: m["msg_type"] == "stream")
        self.assertEqual((late["content"]["text"], late["parent_header"]["msg_id"]), ("late\n", msg_id))

    def test_a_worker_that_ends_is_started_again(self):
        content, _ = self.run_cell("syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 3, 0, 0)")
        self.assertEqual(content["ename"], "WorkerEnded")
        self.assertEqual(self.value("1 + 1"), "2")

    def test_exit_ends_the_cell_alone(self):
        self.run_cell("kept := 7")
        content, _ = self.run_cell("os.Exit(3)")
        self.assertEqual(content["ename"], "Exit")
        self.assertEqual(self.value("kept"), "7")

    def test_burst_of_printed_lines(self):
        content, shown = self.run_cell('for i := range 10_000 {\n\tfmt.Println("line", i)\n}')
        self.assertEqual(content["status"], "ok")
        self.assertEqual(text(shown), "".join(f"line {i}\n" for i in range(10_000)))
        self.assertLess(len(shown), 2_000)  # lines that come together are sent together

    def test_burst_of_displays(self):
        msg_id = self.kc.execute('for i := range 10_000 {\n\tgonbui.DisplayHTMLF("<i>%d</i>", i)\n}')
        shown = [m["content"]["data"]["text/html"] for m in self.outputs(msg_id) if m["msg_type"] == "display_data"]
        self.assertEqual(shown, [f"<i>{i}</i>" for i in range(10_000)])
        self.reply(msg_id)

    def test_displays(self):
        _, shown = self.run_cell("""fmt.Print("before")
gonbui.UpdateHTML("bar", "<p>1</p>")
gonbui.UpdateHTML("bar", "<p>2</p>")
fmt.Print("after")
image.NewGray(image.Rect(0, 0, 3, 2))""")
        self.assertEqual([m["msg_type"] for m in shown], ["stream", "display_data", "update_display_data", "stream", "execute_result"])
        self.assertEqual([m["content"]["transient"] for m in shown[1:3]], [{"display_id": "bar"}] * 2)
        self.assertEqual(shown[2]["content"]["data"]["text/html"], "<p>2</p>")
        self.assertTrue(base64.b64decode(shown[4]["content"]["data"]["image/png"]).startswith(b"\x89PNG"))
        self.assertIn("text/plain", shown[4]["content"]["data"])

    def test_input(self):
        ask = 'gonbui.RequestInput("name? ", {})\nvar answer string\nfmt.Scanln(&answer)\nfmt.Println("hello", answer)'
        for secret in (False, True):
            msg_id = self.kc.execute(ask.format(str(secret).lower()), allow_stdin=True)
            question = self.kc.get_stdin_msg(timeout=PATIENCE)
            self.assertEqual(question["msg_type"], "input_request")
            self.assertEqual(question["content"], {"prompt": "name? ", "password": secret})
            self.assertEqual(question["parent_header"]["msg_id"], msg_id)
            self.assertEqual(self.reply(self.kc.kernel_info())["content"]["status"], "ok")  # while it waits
            self.kc.input("Ann")
            self.assertEqual(self.reply(msg_id)["content"]["status"], "ok")
            self.assertEqual(text(self.outputs(msg_id)), "hello Ann\n")

    def test_input_refused(self):
        content, shown = self.run_cell('var word string\n_, err := fmt.Scanln(&word)\nfmt.Println(err)', allow_stdin=False)
        self.assertEqual((content["status"], text(shown)), ("ok", "EOF\n"))
        self.assertFalse(self.kc.stdin_channel.msg_ready())

    def test_input_is_interrupted(self):
        msg_id = self.kc.execute("var word string\nfmt.Scanln(&word)", allow_stdin=True)
        self.kc.get_stdin_msg(timeout=PATIENCE)
        self.km.interrupt_kernel()
        self.assertEqual(self.reply(msg_id)["content"]["ename"], "Interrupted")
        self.outputs(msg_id)

    def test_error(self):
        self.run_cell("func fails(n int) {\n\tpanic(\"boom\")\n}")
        content, shown = self.run_cell("fails(1)")
        self.assertEqual([m["msg_type"] for m in shown], ["error"])
        self.assertEqual((content["status"], content["ename"]), ("error", "Panic"))
        error = shown[0]["content"]
        self.assertEqual({k: content[k] for k in error}, error)
        trace = "\n".join(error["traceback"])
        self.assertIn("\x1b[31m", trace)
        self.assertIn(f"cell[{content['execution_count']}]:1", trace)
        self.assertIn('panic("boom")', trace)

    def test_silent_and_not_stored(self):
        before = self.run_cell("0")[0]["execution_count"]
        content, shown = self.run_cell("silently := 5\nfmt.Println(silently)", silent=True)
        self.assertEqual((content["status"], content["execution_count"], shown), ("ok", before, []))
        content, shown = self.run_cell("nothing", silent=True)
        self.assertEqual((content["status"], shown), ("error", []))
        content, shown = self.run_cell("silently", store_history=False)
        self.assertEqual((content["execution_count"], shown[0]["content"]["data"]["text/plain"]), (before, "5"))
        reply = self.reply(self.kc.history(hist_access_type="tail", n=1, raw=True, output=True))
        self.assertEqual(reply["content"]["history"][0][2], ["0", "0"])
        self.assertEqual(self.run_cell("0")[0]["execution_count"], before + 1)

    def test_user_expressions(self):
        content, _ = self.run_cell("six := 6", user_expressions={"seven": "six + 1", "bad": "nothing"})
        values = content["user_expressions"]
        self.assertEqual((values["seven"]["status"], values["seven"]["data"]["text/plain"]), ("ok", "7"))
        self.assertEqual((values["bad"]["status"], values["bad"]["ename"]), ("error", "CompileError"))

    def test_stop_on_error(self):
        for stop in (True, False):
            with self.subTest(stop_on_error=stop):
                os.path.exists(self.gate) and os.remove(self.gate)
                first = self.kc.execute(self.wait_code() + '\npanic("stop")', stop_on_error=stop)
                self.started(first)
                queued = [self.kc.execute("1"), self.kc.execute("2")]
                info = self.kc.kernel_info()  # answered now, and so after the others were read
                self.reply(info)
                self.open_gate()
                self.assertEqual(self.reply(first)["content"]["status"], "error")
                for msg_id in queued:
                    reply = self.kc.get_shell_msg(timeout=PATIENCE)
                    self.assertEqual(reply["parent_header"]["msg_id"], msg_id)
                    self.assertEqual(reply["content"]["status"], "aborted" if stop else "ok")
                    self.assertEqual(states(self.outputs(msg_id)), ["busy", "idle"])
                self.assertEqual(self.value("1"), "1")  # what is sent later runs

    def test_answers_while_a_cell_runs(self):
        self.run_cell("type pair struct{ first, second int }\nthePair := pair{1, 2}")
        cell = self.kc.execute(self.wait_code())
        self.started(cell)
        matches = self.reply(self.kc.complete("thePair.s"))["content"]["matches"]
        self.assertEqual(matches, ["second"])
        found = self.reply(self.kc.inspect("thePair"))["content"]["data"]
        self.assertIn("pair", found["text/plain"])
        self.assertIn("```go\n", found["text/markdown"])
        for msg_id in (self.kc.complete("%wh"), self.kc.inspect("%who"), self.kc.is_complete("1"), self.kc.history(hist_access_type="tail", n=1), self.kc.comm_info()):
            self.assertIn(self.reply(msg_id)["content"]["status"], ("ok", "complete"))
            self.assertEqual(states(self.outputs(msg_id)), ["busy", "idle"])
            # Front ends show the latest state as that of the kernel, which is still busy.
            again = self.kc.iopub_channel.get_msg(timeout=PATIENCE)
            self.assertEqual((again["parent_header"]["msg_id"], state(again)), (cell, "busy"))
        self.open_gate()
        self.assertEqual(self.reply(cell)["content"]["status"], "ok")
        self.assertEqual(states(self.outputs(cell))[-1], "idle")

    def test_cursors_count_code_points(self):
        reply = self.reply(self.kc.complete('"é😀" + strings.HasSuf + "é"', 21))["content"]
        self.assertEqual((reply["matches"], reply["cursor_start"], reply["cursor_end"]), (["HasSuffix"], 15, 21))

    def test_interrupts_keep_variables(self):
        self.run_cell("kept := 17")
        by_message, by_signal = self.km.interrupt_kernel, lambda: os.kill(self.km.provisioner.pid, signal.SIGINT)
        for interrupt in (by_message, by_signal):
            for code in ("for {\n}", "time.Sleep(time.Hour)"):
                with self.subTest(code=code, by=interrupt):
                    msg_id = self.kc.execute('fmt.Println("started")\n' + code)
                    self.started(msg_id)
                    queued = self.kc.execute("1")
                    self.reply(self.kc.kernel_info())
                    interrupt()
                    content = self.reply(msg_id)["content"]
                    self.assertEqual((content["status"], content["ename"]), ("error", "Interrupted"))
                    self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["status"], "aborted")
                    self.outputs(queued)
        self.assertEqual(self.value("kept"), "17")

    def test_comms_to_unknown_targets_are_closed(self):
        request = self.kc.session.msg("comm_open", {"comm_id": "c1", "target_name": "nobody", "data": {}})
        self.kc.shell_channel.send(request)
        shown = self.outputs(request["header"]["msg_id"])
        closed = [m["content"]["comm_id"] for m in shown if m["msg_type"] == "comm_close"]
        self.assertEqual((closed, states(shown)), (["c1"], ["busy", "idle"]))
        for msg_type in ("comm_msg", "comm_close"):
            request = self.kc.session.msg(msg_type, {"comm_id": "c1", "data": {}})
            self.kc.shell_channel.send(request)
            self.assertEqual(states(self.outputs(request["header"]["msg_id"])), ["busy", "idle"])
        self.assertEqual(self.reply(self.kc.comm_info())["content"]["comms"], {})

    def test_widgets(self):
        cell = self.kc.execute("""import "github.com/janpfeifer/gonb/gonbui/comms"
comms.Send("/to/page", 42)
heard := comms.Listen[float64]("/from/page")
fmt.Println("started")
fmt.Println(<-heard.C, comms.ReadValue[string]("/asked"))
heard.Close()""")
        early = self.started(cell)
        script = [m["content"]["data"]["text/html"] for m in early if m["msg_type"] == "display_data"]
        self.assertIn("gonb_comm", script[0])
        self.assertIn('kernel = "the-id";', script[0])
        kept = [m["content"]["data"]["text/html"] for m in early if m["msg_type"] == "update_display_data"]
        self.assertEqual(kept, [""])  # nothing stays in the notebook

        # What the script does in a page.
        def to_kernel(msg_type, content):
            self.kc.shell_channel.send(self.kc.session.msg(msg_type, {"comm_id": "page", **content}))

        to_kernel("comm_open", {"target_name": "gsmlab.widgets", "data": {}})
        comm = lambda m: m["msg_type"] == "comm_msg"
        value = self.next_message(comm)["content"]
        self.assertEqual(value, {"comm_id": "page", "data": {"address": "/to/page", "value": 42}})
        self.assertEqual(self.reply(self.kc.comm_info())["content"]["comms"], {"page": {"target_name": "gsmlab.widgets"}})
        to_kernel("comm_msg", {"data": {"address": "/from/page", "value": 2.5}})
        self.assertEqual(self.next_message(comm)["content"]["data"], {"address": "/asked", "read": True})
        to_kernel("comm_msg", {"data": {"address": "/asked", "value": "answer"}})
        self.assertEqual(self.reply(cell)["content"]["status"], "ok")
        self.assertEqual(text(self.outputs(cell)), "2.5 answer\n")
        to_kernel("comm_close", {"data": {}})
        self.assertEqual(self.reply(self.kc.comm_info())["content"]["comms"], {})

    def test_bad_messages_do_not_end_the_kernel(self):
        info = self.km.get_connection_info()
        context = zmq.Context()
        sockets = []
        for port in ("shell_port", "control_port", "stdin_port"):
            s = context.socket(zmq.DEALER)
            s.rcvtimeo = PATIENCE * 1000
            s.connect(f"tcp://{info['ip']}:{info[port]}")
            sockets.append(s)
        session = self.kc.session
        good = session.serialize(session.msg("execute_request", {"code": "replayed++", "silent": False}))
        unknown = session.serialize(session.msg("telepathy", {}))
        no_content = session.serialize(session.msg("execute_request", {"code": 5}))
        self.run_cell("replayed := 0")
        for s in sockets:
            for frames in (
                [b""], [b"<IDS|MSG>"], [b"", b"<IDS|MSG>", b"", b"{"], good[:-1], good[:2],
                [good[0], b"0" * 64] + good[2:], [good[0], b""] + good[2:], [good[0], b"\xff\x00"] + good[2:],
                good[:5] + [b'{"code": "replayed = 100"}'],
                [b"<IDS|MSG>", b"x", b"[]", b"{}", b"{}", b"{}"],
                [b"\x00" * 100_000], [b"x"] * 500, unknown, no_content, good, good,
            ):
                s.send_multipart(frames)
            if s is sockets[0]:  # no_content and the first good are answered, all else is refused, on the other sockets too
                statuses = [json.loads(s.recv_multipart()[-1])["status"] for _ in range(2)]
                self.assertEqual(statuses, ["error", "ok"])
        raw = context.socket(zmq.STREAM)
        raw.connect(f"tcp://{info['ip']}:{info['shell_port']}")
        identity = raw.recv_multipart()[0]
        raw.send_multipart([identity, b"\xff" + b"\x00" * 8 + b"\x7f\x03" + b"\xff" * 60])
        self.assertEqual(self.value("replayed"), "1")
        for s in sockets + [raw]:
            s.close(linger=0)
        context.term()


class Lives(unittest.TestCase):
    """Kernels that start and end."""

    def test_restart_and_shutdown(self):
        km = KernelManager(kernel_name="gsmlab", transport="ipc")
        km.start_kernel()
        kc = km.client()
        kc.start_channels()
        kc.wait_for_ready(timeout=PATIENCE)
        pid = km.provisioner.pid
        kc.execute_interactive("x := 1", timeout=PATIENCE)
        km.restart_kernel(now=False)
        kc.wait_for_ready(timeout=PATIENCE)
        self.assertNotEqual(km.provisioner.pid, pid)
        self.assertEqual(kc.execute_interactive("x", timeout=PATIENCE, output_hook=lambda m: None)["content"]["ename"], "CompileError")
        kc.execute("for {\n}")
        reply = kc.shutdown(reply=True, timeout=PATIENCE)
        self.assertEqual((reply["content"]["status"], reply["content"]["restart"]), ("ok", False))
        self.assertEqual(km.provisioner.process.wait(PATIENCE), 0)
        kc.stop_channels()
        km.cleanup_resources()

    def test_connection_file_of_its_own(self):
        path = os.path.join(tempfile.mkdtemp(), "own.json")
        with open(os.path.join(os.environ["KERNELSPEC"], "kernel.json")) as f:
            argv = [arg.replace("{connection_file}", path) for arg in json.load(f)["argv"]]
        kernel = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        line = kernel.stderr.readline()
        self.assertIn("jupyter console --existing " + path, line)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        kc = BlockingKernelClient(connection_file=path)
        kc.load_connection_file()
        kc.start_channels()
        kc.wait_for_ready(timeout=PATIENCE)
        self.assertEqual(kc.ip, "127.0.0.1")
        kc.shutdown(reply=True, timeout=PATIENCE)
        kc.stop_channels()
        _, rest = kernel.communicate(timeout=PATIENCE)
        self.assertEqual((kernel.returncode, rest, os.path.exists(path)), (0, "", False))


class Notebooks(unittest.TestCase):
    def test_nbclient(self):
        cells = ["x := 20", "x + 1", 'fmt.Println("printed")\nx = x * 2', "x"]
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        NotebookClient(nb, kernel_name="gsmlab", timeout=PATIENCE).execute()
        nbformat.validate(nb)
        self.assertEqual(nb.metadata.language_info.name, "go")
        self.assertEqual([c.execution_count for c in nb.cells], [1, 2, 3, 4])
        self.assertEqual(nb.cells[1].outputs[0]["data"]["text/plain"], "21")
        self.assertEqual(nb.cells[2].outputs[0]["text"], "printed\n")
        self.assertEqual(nb.cells[3].outputs[0]["data"]["text/plain"], "40")

    def test_nbclient_stops_at_an_error(self):
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in ("nothing", "1")])
        with self.assertRaises(CellExecutionError) as caught:
            NotebookClient(nb, kernel_name="gsmlab", timeout=PATIENCE).execute()
        self.assertEqual(caught.exception.ename, "CompileError")
        self.assertIsNone(nb.cells[1].execution_count)
