// The server goes away and comes back; everybody has to sign in then.

const PAUSE = 300; // milliseconds

export default function () {
  let gone = false;
  const look = async () => {
    try {
      const answer = await fetch("/healthz", { cache: "no-store" });
      if (gone && answer.status < 600) {
        window.location.assign("/signin");
        return;
      }
    } catch {
      gone = true;
    }
    setTimeout(look, PAUSE);
  };
  look();
}
